import { Button } from "@mantine/core";

interface Props {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}

/** LoadMore asks for the next page of a list. */
export function LoadMore({ query }: Props) {
  if (!query.hasNextPage) return null;
  return (
    <div style={{ padding: "0.6rem 0.9rem" }}>
      <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </div>
  );
}
