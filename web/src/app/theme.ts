import { Button, createTheme, Modal } from "@mantine/core";

/** What differs from Mantine's own look. Colours are in app.css. */
export const theme = createTheme({
  primaryColor: "blue",
  respectReducedMotion: true,
  components: {
    Button: Button.extend({ defaultProps: { radius: "sm" } }),
    // Locking the page behind would write a <style> element, which the content security policy forbids. A dialog is there at
    // once: what is typed after the key that opens it belongs to it, and a transition would lose the first letters.
    Modal: Modal.extend({ defaultProps: { lockScroll: false, centered: true, transitionProps: { duration: 0 }, closeButtonProps: { "aria-label": "Close" } } }),
  },
});
