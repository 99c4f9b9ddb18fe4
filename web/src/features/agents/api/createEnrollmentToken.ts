import { useMutation } from "@tanstack/react-query";
import { call } from "@/lib/http";

export interface EnrollmentToken {
  id: string;
  /** Shown once: the server keeps its hash. */
  token: string;
  expires_at: string;
}

export function useCreateEnrollmentToken() {
  return useMutation({
    mutationFn: (args: { poolId: string; ttlSeconds: number }) => call<EnrollmentToken>("create_enrollment_token", { pool_id: args.poolId, ttl_seconds: args.ttlSeconds }),
    gcTime: 0,
  });
}
