/** Waiting, also for longer than one timer of Node can. */

/** The longest delay that a timer of Node takes, in milliseconds: a longer one fires at once. */
export const longestTimeout = 2 ** 31 - 1;

/** As setTimeout, for any number of milliseconds. Returns what cancels it. */
export function setLongTimeout(action: () => void, milliseconds: number): () => void {
  let timer: NodeJS.Timeout;
  const start = (left: number) => {
    const delay = Math.min(left, longestTimeout);
    timer = setTimeout(() => (left > delay ? start(left - delay) : action()), delay);
  };
  start(milliseconds);
  return () => clearTimeout(timer);
}

/** Resolves after the time, which may be of any length. @throws the signal's reason when it aborts first */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = setLongTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', onAbort, {once: true});
  });
}
