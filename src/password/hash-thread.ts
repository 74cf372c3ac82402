/**
 * A thread for hashes that are computed in JavaScript or WebAssembly: in this one they would stop everything else.
 * One at a time, so that the memory of one is all that is needed. Knows no scheme.
 */

import {Worker} from 'node:worker_threads';

/** A function of a CommonJS file. */
export interface HashFunction {
  readonly file: string;
  /** The names on the way to it: ['sha512', 'crypt']. */
  readonly names: readonly string[];
}

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
}

/** Plain JavaScript: the thread starts from this text, in the sources as in a bundle. */
const program = `const {parentPort} = require('node:worker_threads');
parentPort.on('message', async ({file, names, values}) => {
  try {
    const parent = names.slice(0, -1).reduce((value, name) => value[name], require(file));
    parentPort.postMessage({result: await parent[names.at(-1)](...values)});
  } catch (error) {
    parentPort.postMessage({error: String(error)});
  }
});`;

/** Calls after which a new thread takes over: only that frees the memory of WebAssembly at once. */
const callsOfThread = 8;

/** The thread. It starts with the first call, and keeps the process alive only during a call. */
export class HashThread {
  #worker: Worker | undefined;
  #calls = 0;

  /** The result of the function. The caller waits for it before the next call. @throws Error of the function */
  async call({file, names}: HashFunction, values: readonly unknown[]): Promise<unknown> {
    const worker = this.#worker ?? new Worker(program, {eval: true, execArgv: []});
    this.#worker = worker;
    worker.ref();
    const {result, error} = await new Promise<Answer>((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
      worker.postMessage({file, names, values});
    }).finally(() => {
      worker.removeAllListeners('message').removeAllListeners('error');
      worker.unref();
    });
    if (++this.#calls % callsOfThread === 0 || error !== undefined) {
      this.#worker = undefined;
      void worker.terminate();
    }
    if (error !== undefined) throw new Error(error);
    return result;
  }
}
