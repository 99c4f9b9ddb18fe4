import type { JsonObject } from "@/lib/schema";
import { changes, show } from "@/lib/difference";
import { SafeText } from "./SafeText";
import css from "./Difference.module.css";

/** Difference shows which fields of a row changed, before and after. */
export function Difference({ before, after }: { before: JsonObject | null; after: JsonObject | null }) {
  const fields = changes(before, after);
  if (fields.length === 0) return <span className="epo-quiet">no field changed</span>;
  return (
    <table className={css["table"]} aria-label="Changed fields">
      <tbody>
        {fields.map(({ name, from, to }) => (
          <tr key={name}>
            <th scope="row">
              <SafeText>{name}</SafeText>
            </th>
            <td className={css["value"]}>
              {from !== undefined && (
                <del className={css["before"]}>
                  <SafeText>{show(from)}</SafeText>
                </del>
              )}
              {from !== undefined && to !== undefined && " → "}
              {to !== undefined && (
                <ins className={css["after"]}>
                  <SafeText>{show(to)}</SafeText>
                </ins>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
