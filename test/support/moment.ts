/** A point in a test's story that one side waits for and the other brings about. */

/** A promise, and what resolves it. */
export function moment(): {readonly happened: Promise<void>; readonly happen: () => void} {
  let happen: () => void = () => undefined;
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return {happened, happen};
}
