/**
 * SRV records [RFC 2782]: which hosts and ports serve MQTT for a domain, in the order to try them.
 * Knows no connection; the dice for the weights can be handed in.
 */

import type {SrvRecord} from 'node:dns';
import {Resolver} from 'node:dns/promises';
import {ExitCode, TmqError} from '../../errors.ts';
import {Abandoned} from './connect-step.ts';

export interface ServiceTarget {
  readonly host: string;
  readonly port: number;
}

export interface ServiceQuery {
  readonly domain: string;
  /** _secure-mqtt instead of _mqtt. */
  readonly encrypted: boolean;
  readonly signal: AbortSignal;
  /** Name servers, "127.0.0.1:53"; the system's unless given. */
  readonly servers?: readonly string[];
  /** From 0 up to 1. */
  readonly random?: () => number;
}

/** One record by weight, the others left: a larger weight is proportionately likelier to be first. */
function draw(records: readonly SrvRecord[], random: () => number): number {
  // Weight 0 must have a chance beside others, a very small one [RFC 2782].
  const weights = records.map(({weight}) => weight || 0.01);
  let rest = random() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0) return index;
  }
  return records.length - 1;
}

/** By priority, lowest first; within one, drawn by weight. */
export function orderTargets(
  records: readonly SrvRecord[],
  random: () => number = Math.random,
): readonly ServiceTarget[] {
  const ordered: ServiceTarget[] = [];
  const priorities = [...new Set(records.map(({priority}) => priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    const left = records.filter((record) => record.priority === priority);
    while (left.length > 0) {
      const [chosen] = left.splice(draw(left, random), 1);
      if (chosen !== undefined) ordered.push({host: chosen.name, port: chosen.port});
    }
  }
  return ordered;
}

function lookupProblem(name: string, error: unknown): TmqError {
  const {code} = error as {code?: unknown};
  const message =
    code === 'ENOTFOUND' || code === 'ENODATA'
      ? `There is no SRV record ${name}. Connect to the host itself, without -S.`
      : `Cannot look up the SRV record ${name}: the name server does not answer (${String(code)}).`;
  return new TmqError(message, ExitCode.failure, {cause: error});
}

/**
 * Looks up _mqtt._tcp or _secure-mqtt._tcp of a domain.
 * @throws TmqError 1 when there is no such record or no answer, Abandoned
 */
export async function lookUpService(query: ServiceQuery): Promise<readonly ServiceTarget[]> {
  const {domain, encrypted, signal, servers, random} = query;
  const name = `${encrypted ? '_secure-mqtt' : '_mqtt'}._tcp.${domain}`;
  if (signal.aborted) throw new Abandoned('the SRV record of', signal.reason);
  const resolver = new Resolver();
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel);
  try {
    const records = await resolver.resolveSrv(name);
    // A single target "." says that the service is not offered [RFC 2782].
    const offered = records.filter(({name: host}) => host !== '' && host !== '.');
    if (offered.length === 0) {
      throw new TmqError(`${domain} says that it offers no MQTT (SRV record ${name}).`, ExitCode.failure);
    }
    return orderTargets(offered, random);
  } catch (error) {
    if (signal.aborted) throw new Abandoned('the SRV record of', signal.reason);
    throw error instanceof TmqError ? error : lookupProblem(name, error);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}
