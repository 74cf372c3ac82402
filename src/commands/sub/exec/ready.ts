/** --ready-fd and --ready-file: a script learns from them that every filter is granted. */

import {closeSync, writeSync} from 'node:fs';
import {fileError} from '../../../errors.ts';
import {checkDescriptor} from '../../../io/descriptor.ts';
import type {Io} from '../../../io/process.ts';
import {openReadyFile} from '../../../io/ready-file.ts';

export interface ReadyPlan {
  readonly descriptor?: number;
  readonly file?: string;
}

/** A way to say it, checked before connecting. */
interface ReadySignal extends Disposable {
  announce(line: string): void;
}

/** @throws UsageError for a descriptor that cannot be written to */
function toDescriptor(descriptor: number, platform: NodeJS.Platform): ReadySignal {
  checkDescriptor('--ready-fd', descriptor, platform);
  return {
    announce(line) {
      try {
        writeSync(descriptor, line);
        // A reader of everything goes on. The standard streams are needed further.
        if (descriptor > 2) closeSync(descriptor);
      } catch (error) {
        throw fileError('', `descriptor ${descriptor}`, error, 'write to');
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

/** @throws TmqError where the file cannot be written */
function toFile(path: string, pid: number): ReadySignal {
  const file = openReadyFile(path, pid);
  return {announce: (line) => file.write(line), [Symbol.dispose]: () => file[Symbol.dispose]()};
}

export class ReadySignals implements Disposable {
  readonly #signals: readonly ReadySignal[];

  /** Checks where to write. @throws TmqError where that cannot be written to */
  constructor({descriptor, file}: ReadyPlan, {pid, platform}: Pick<Io, 'pid' | 'platform'>) {
    this.#signals = [
      ...(descriptor === undefined ? [] : [toDescriptor(descriptor, platform)]),
      ...(file === undefined ? [] : [toFile(file, pid)]),
    ];
  }

  /** All filters are granted, with these QoS. @throws TmqError */
  subscribed(filters: readonly string[], granted: readonly number[]): void {
    const pairs = filters.map((filter, index) => ({filter, qos: granted[index] ?? 0}));
    const line = `${JSON.stringify({event: 'subscribed', filters: pairs})}\n`;
    for (const signal of this.#signals) signal.announce(line);
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) signal[Symbol.dispose]();
  }
}
