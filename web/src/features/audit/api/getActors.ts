import { queryOptions, useQuery } from "@tanstack/react-query";
import { db, read } from "@/lib/http";

interface Named {
  id: string;
  name: string;
}

/** actorsQuery reads names for the identifiers that the audit log keeps. */
function actorsQuery() {
  return queryOptions({
    queryKey: ["audit", "actors"],
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, string>> => {
      const [users, agents] = await Promise.all([
        read<Named[]>(db.from("users").select("id,name").limit(1000).abortSignal(signal)),
        read<Named[]>(db.from("agents").select("id,name").limit(1000).abortSignal(signal)),
      ]);
      return new Map([...users.map((u) => [`user:${u.id}`, u.name] as const), ...agents.map((a) => [`agent:${a.id}`, a.name] as const)]);
    },
    staleTime: 60_000,
  });
}

/** useActorName turns `user:<id>` into a name where it is known. */
export function useActorName(enabled: boolean): (actor: string) => string {
  const { data } = useQuery({ ...actorsQuery(), enabled });
  return (actor) => {
    const name = data?.get(actor);
    return name === undefined ? actor : `${name} (${actor.slice(0, actor.indexOf(":"))})`;
  };
}
