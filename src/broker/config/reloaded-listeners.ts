/**
 * A configuration that is read again while listeners are bound: which listener takes which new settings. A listener
 * is recognised by its address, never by its place in the file. Opens nothing.
 */

import {type Directive, directives} from './directives.ts';
import {describeListener} from './parse-config.ts';
import type {BrokerConfig, ListenerConfig} from './settings.ts';

/** The bound listeners after a reload. */
export interface ReloadedListeners {
  /** In the order of the bound ones. */
  readonly listeners: readonly ListenerConfig[];
  /** What stays as it is until a restart: a sentence each, without full stop. */
  readonly kept: readonly string[];
}

/** What a bound socket cannot change, by the name of the directive. */
const fixed: Readonly<Record<string, (listener: ListenerConfig) => unknown>> = {
  protocol: ({protocol}) => protocol,
  certfile: (listener) => encryption(listener),
  psk_hint: ({pskHint}) => pskHint,
  bind_interface: ({bindInterface}) => bindInterface,
  require_certificate: ({tls}) => tls?.requireCertificate ?? false,
};

/**
 * Finds for each of the `bound` listeners the one of `changed` with the same address. One that is not found, or that
 * differs in what cannot change, keeps all its settings: half of the new ones could let in more clients than either.
 */
export function reloadedListeners(
  bound: readonly ListenerConfig[],
  changed: readonly ListenerConfig[],
): ReloadedListeners {
  const kept: string[] = [];
  const alike = (all: readonly ListenerConfig[], listener: ListenerConfig) =>
    all.filter((each) => keyOf(each) === keyOf(listener));
  const listeners = bound.map((listener) => {
    const where = describeListener(listener);
    const [candidates, others] = [alike(changed, listener), alike(bound, listener)];
    const found = candidates[others.indexOf(listener)];
    if (found === undefined) {
      kept.push(
        `the configuration has no listener on ${where} any more: it keeps its settings until a restart`,
      );
      return listener;
    }
    // Free ports: one cannot be told from another, so only what all of them have in common is taken.
    const isClear = others.length === 1 || candidates.every((each) => sameAccess(each, found));
    if (!isClear || candidates.length !== others.length) {
      kept.push(`several listeners are on ${where}: they keep their settings until a restart`);
      return listener;
    }
    const name = Object.keys(fixed).find((each) => fixed[each]!(listener) !== fixed[each]!(found));
    if (name === undefined) return found;
    kept.push(`${name} changes at a restart only: the listener on ${where} keeps all its settings`);
    return listener;
  });
  for (const listener of changed) {
    if (alike(bound, listener).length > 0) continue;
    kept.push(`the listener on ${describeListener(listener)} is new: it opens at a restart`);
  }
  return {listeners, kept: [...new Set(kept)]};
}

function keyOf(listener: ListenerConfig): string {
  const {port, socketPath, socketDomain = '', protocol} = listener;
  const kind = port === 0 && socketPath === undefined ? `${protocol} ${encryption(listener)}` : '';
  return `${describeListener(listener)} ${socketDomain} ${kind}`;
}

function encryption({tls, pskHint}: ListenerConfig): 'none' | 'psk' | 'certificate' {
  if (pskHint !== undefined) return 'psk';
  return tls === undefined ? 'none' : 'certificate';
}

function sameAccess(one: ListenerConfig, other: ListenerConfig): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The settings of the whole broker that differ: they change at a restart only. A sentence each, without full stop. */
export function changesAtRestart(before: BrokerConfig, after: BrokerConfig): readonly string[] {
  const values = ({limits, log, sysInterval, pidFile}: BrokerConfig): Readonly<Record<string, unknown>> => ({
    ...limits,
    ...log,
    sysInterval,
    pidFile,
  });
  const [old, changed] = [values(before), values(after)];
  const rows: readonly (readonly [string, Directive])[] = Object.entries(directives);
  const names = rows.filter(([key]) => old[key] !== changed[key]).map(([, {name}]) => name);
  const differs = (one: unknown, other: unknown) => JSON.stringify(one) !== JSON.stringify(other);
  if (differs(before.persistence, after.persistence)) names.push('persistence');
  if (differs(before.log.destinations, after.log.destinations)) names.push('log_dest');
  if (differs([...before.log.types], [...after.log.types])) names.push('log_type');
  return names.map((name) => `${name} changes at a restart only`);
}
