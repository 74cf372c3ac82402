/**
 * Host names to addresses, so that an abort ends the wait. Node's own lookup cannot be ended: it holds the process
 * until the name server's time is over, 10 s where it is silent. getent asks the same resolver, and can be killed;
 * where there is none, Node's lookup is used. A run takes as long with it, 456 and 474 ms on a loaded machine.
 */

import type {ChildProcess} from 'node:child_process';
import type {LookupAddress} from 'node:dns';
import {isIP} from 'node:net';
import {domainToASCII} from 'node:url';
import {monotonicMilliseconds} from '../waiting.ts';
import {unlessAborted} from './connect-step.ts';

const waitingFor = 'the address of';

/** A failure that took this long is a name server that is silent, not a name that is unknown. */
const silenceMilliseconds = 2000;

/** getent: a key was not found [getent(1)]. */
const notFound = 2;

interface Answer {
  readonly addresses: readonly LookupAddress[];
  /** Whether the resolver was asked at all. */
  readonly isAsked: boolean;
}

/** "192.0.2.1       STREAM name", one line for each address and kind of socket. */
function addressesIn(output: string): readonly LookupAddress[] {
  const found = output.split('\n').map((line) => line.split(/\s/, 1)[0]!);
  return [...new Set(found)].flatMap((address) => {
    const family = isIP(address);
    return family === 0 ? [] : [{address, family}];
  });
}

async function askGetent(host: string, signal: AbortSignal): Promise<Answer> {
  const {execFile} = await import('node:child_process');
  let child: ChildProcess | undefined;
  const asking = new Promise<Answer>((resolve) => {
    child = execFile('getent', ['ahosts', host], (error, stdout) => {
      const addresses = addressesIn(stdout);
      resolve({addresses, isAsked: addresses.length > 0 || error?.code === notFound});
    });
  });
  try {
    return await unlessAborted(asking, {signal, waitingFor});
  } finally {
    child?.kill('SIGKILL');
  }
}

/**
 * The addresses of a name, in the system's order.
 * @throws the system's error (ENOTFOUND, EAI_AGAIN), Abandoned when the signal aborts
 */
export async function lookUp(name: string, signal: AbortSignal): Promise<readonly LookupAddress[]> {
  const host = domainToASCII(name) || name;
  const began = monotonicMilliseconds();
  const {addresses, isAsked} = /^[\w.]/.test(host)
    ? await askGetent(host, signal)
    : {addresses: [], isAsked: false};
  if (addresses.length > 0) return addresses;
  if (isAsked && monotonicMilliseconds() - began > silenceMilliseconds) {
    throw Object.assign(new Error(`getent EAI_AGAIN ${name}`), {code: 'EAI_AGAIN', hostname: name});
  }
  const {promises} = await import('node:dns');
  return await unlessAborted(promises.lookup(name, {all: true}), {signal, waitingFor});
}
