import { Fragment } from "react";
import { pieces, type Piece } from "@/lib/text";
import css from "./SafeText.module.css";

interface Props {
  children: string;
  /** Keep terminal colours (a line of a log) instead of a name in running text. */
  line?: boolean;
}

/** SafeText shows foreign text: no control character, no mark that turns the text around it, no markup. */
export function SafeText({ children, line = false }: Props) {
  return (
    <bdi dir="ltr" className={line ? css["line"] : css["text"]}>
      {pieces(children).map((piece, i) => (
        <Fragment key={i}>{render(piece)}</Fragment>
      ))}
    </bdi>
  );
}

function render(piece: Piece) {
  if (!piece.mark && !piece.style) return piece.text;
  const names = [...(piece.style ?? []), ...(piece.mark ? ["mark"] : [])];
  return <span className={names.map((name) => css[name]).join(" ")}>{piece.text}</span>;
}
