/** A promise that a test resolves from outside: one side waits for it, the other resolves it. */

/** A promise, and what resolves it. */
export function moment(): {readonly happened: Promise<void>; readonly happen: () => void} {
  let happen: () => void = () => undefined;
  const happened = new Promise<void>((resolve) => {
    happen = resolve;
  });
  return {happened, happen};
}
