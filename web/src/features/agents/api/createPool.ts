import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call } from "@/lib/http";

export function useCreatePool() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => call<{ id: string; name: string }>("create_pool", { name }),
    onSuccess: () => Promise.all([client.invalidateQueries({ queryKey: ["pools"] }), client.invalidateQueries({ queryKey: ["targets", "places"] })]),
  });
}
