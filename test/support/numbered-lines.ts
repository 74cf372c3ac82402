/** Feeds numbered lines to `pub -l` without end, and follows which of them `sub` prints. */

import {once} from 'node:events';
import {createInterface} from 'node:readline';
import {moment} from './moment.ts';
import type {Running} from './spawn.ts';

export interface NumberedLines {
  /** How many lines were fed. */
  readonly fed: number;
  /** The numbers that were printed, in order, each as often as it was. */
  readonly printed: readonly number[];
  /** Resolves when so many lines were printed. @throws Error when one of the two ends first */
  printedCount(count: number): Promise<void>;
  /** Resolves when this number was printed, or a higher one. @throws Error when one of the two ends first */
  printedNumber(number: number): Promise<void>;
  /** Ends the publisher's input after a whole line. */
  end(): Promise<void>;
}

/** Starts feeding. `mostUnprinted`: lines that are fed and not printed, at most. */
export function feedNumberedLines(pub: Running, sub: Running, mostUnprinted: number): NumberedLines {
  const printed: number[] = [];
  let highest = -1;
  let fed = 0;
  let isFeeding = true;
  let change = moment();
  let failure: Error | undefined;
  const changed = () => {
    change.happen();
    change = moment();
  };
  createInterface({input: sub.child.stdout!}).on('line', (line) => {
    printed.push(Number(line));
    highest = Math.max(highest, Number(line));
    changed();
  });
  void sub.finished.then(({stderr}) => {
    failure ??= new Error(`sub has ended: ${stderr}`);
    changed();
  });
  void pub.finished.then(({stderr}) => {
    if (isFeeding) failure ??= new Error(`pub has ended: ${stderr}`);
    changed();
  });
  const until = async (isReached: () => boolean) => {
    while (!isReached()) {
      if (failure !== undefined) throw failure;
      await change.happened;
    }
  };
  const input = pub.child.stdin!;
  const feeding = (async () => {
    while (isFeeding && failure === undefined) {
      if (!input.write(`${fed++}\n`)) await Promise.race([once(input, 'drain'), pub.finished]);
      await until(() => fed - 1 - highest < mostUnprinted || !isFeeding);
    }
  })();
  feeding.catch(() => undefined);
  return {
    get fed() {
      return fed;
    },
    printed,
    printedCount: (count) => until(() => printed.length >= count),
    printedNumber: (number) => until(() => highest >= number),
    async end() {
      isFeeding = false;
      changed();
      await feeding;
      input.end();
    },
  };
}
