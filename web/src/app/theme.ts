import { Button, createTheme, Modal } from "@mantine/core";

/** What differs from Mantine's own look. Colours are in app.css. */
export const theme = createTheme({
  primaryColor: "blue",
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { radius: "sm" } }),
    // Locking the page behind would write a <style> element, which the content security policy forbids.
    Modal: Modal.extend({ defaultProps: { lockScroll: false, centered: true } }),
  },
});
