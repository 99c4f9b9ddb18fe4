import { Button, type ButtonProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import type { AnchorHTMLAttributes, Ref } from "react";

type AnchorProps = Omit<ButtonProps, "href"> & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof ButtonProps> & { ref?: Ref<HTMLAnchorElement> };

function AnchorButton({ ref, ...props }: AnchorProps) {
  return <Button component="a" ref={ref} {...props} />;
}

/** ButtonLink is a link of the application that looks like a button. */
export const ButtonLink = createLink(AnchorButton);
