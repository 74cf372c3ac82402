/**
 * A thread for hashes that are computed in JavaScript or WebAssembly: in this one they would stop everything else.
 * One at a time, so that the memory of one is all that is needed.
 */

import {createRequire} from 'node:module';
import {Worker} from 'node:worker_threads';
import type {HashFunctions} from '../../password/hash.ts';

/** A function of a CommonJS file. */
interface LibraryFunction {
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
export class HashThread implements HashFunctions {
  #worker: Worker | undefined;
  #calls = 0;

  readonly argon2id: HashFunctions['argon2id'] = async (options) => {
    const {bundledFile: file = resolve('hash-wasm')} = await import('../../password/argon2id.ts');
    return await this.#call({file, names: ['argon2id']}, [options]);
  };

  readonly sha512Crypt: HashFunctions['sha512Crypt'] = async (text, salt) => {
    const {bundledFile: file = resolve('sha512-crypt-ts')} = await import('../../password/sha512-crypt.ts');
    return await this.#call({file, names: ['sha512', 'crypt']}, [text, salt]);
  };

  /** The result of the function. The caller waits for it before the next call. @throws Error of the function */
  async #call({file, names}: LibraryFunction, values: readonly unknown[]): Promise<unknown> {
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

/** The file of a package beside the sources. */
function resolve(name: string): string {
  return createRequire(import.meta.url).resolve(name);
}
