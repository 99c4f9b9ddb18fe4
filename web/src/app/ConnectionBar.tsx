import { Alert } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { connection } from "@/lib/connection";

/** ConnectionBar tells that the server does not answer, and reads everything again when it does. */
export function ConnectionBar() {
  const lost = useSyncExternalStore(connection.subscribe, connection.isLost);
  const client = useQueryClient();
  const was = useRef(lost);
  useEffect(() => {
    if (was.current && !lost) void client.invalidateQueries();
    was.current = lost;
  }, [lost, client]);
  if (!lost) return null;
  return (
    <Alert color="yellow" variant="light" role="alert" mb="md" title="The server does not answer">
      What you see may be old. Trying again every two seconds; nothing you typed is lost.
    </Alert>
  );
}
