import { HomePage } from "@/features/home/components/HomePage";

export function HomeRoute() {
  return <HomePage />;
}
