import type { ReactNode } from "react";
import css from "./Table.module.css";

export interface Column<T> {
  title: string;
  cell: (row: T) => ReactNode;
  number?: boolean;
}

interface TableProps<T> {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string | number;
  selected?: (row: T) => boolean;
  /** One line a cell, cut where it is too long: for many columns. */
  dense?: boolean;
}

/** Table shows rows; on a narrow screen each row becomes a card with the column titles beside the values. */
export function Table<T>({ label, columns, rows, rowKey, selected, dense = false }: TableProps<T>) {
  return (
    <div className={css["scroll"]}>
      <table className={`${css["table"]} ${dense ? css["dense"] : ""}`} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" className={column.number ? css["number"] : undefined}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} aria-selected={selected?.(row)}>
              {columns.map((column) => (
                <td key={column.title} data-label={column.title} className={column.number ? css["number"] : undefined}>
                  <div>{column.cell(row)}</div>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
