/** A broker that can be stopped and started again on the same ports, with what it has kept. Knows no waits. */

import type {Broker} from '../../broker/broker.ts';
import type {BrokerConfig} from '../../broker/config/settings.ts';
import type {RestoredState} from '../../broker/persistence/journal.ts';
import {parseFault} from '../../broker/server/faults.ts';
import {type LocalCertificates, localCertificates, withTls} from '../../broker/server/local-tls.ts';
import {type RunningBroker, runBroker} from '../../broker/server/run-broker.ts';
import type {BrokerHooks} from '../../broker/state/broker-context.ts';
import {defined} from '../../defined.ts';
import {configOf} from './config.ts';
import type {CertificateFiles, StartOptions} from './types.ts';

/** Starts and stops follow each other in the order of the calls. */
export class RestartableBroker {
  readonly #options: StartOptions;
  readonly #hooks: BrokerHooks;
  readonly #config: BrokerConfig;
  #faults: readonly string[];
  #certificates: LocalCertificates | undefined;
  #running: RunningBroker | undefined;
  /** Of the first start, and the same since; the listeners have their ports. */
  #bound: {readonly addresses: RunningBroker['addresses']; readonly config: BrokerConfig} | undefined;
  /** What `stop` has left; undefined where a store has it. */
  #kept: RestoredState | undefined;
  #lastChange: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** Checks the options and starts nothing. @throws TmqError, TypeError */
  constructor(options: StartOptions, hooks: BrokerHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#config = configOf(options);
    this.#faults = checkedFaults(options.faults ?? []);
  }

  /** @throws Error before the first start */
  get addresses(): RunningBroker['addresses'] {
    if (this.#bound === undefined) {
      throw new Error('The broker has not started yet: use it in a test or a hook, or await its start.');
    }
    return this.#bound.addresses;
  }

  get certificates(): CertificateFiles | undefined {
    return this.#certificates?.files;
  }

  /** Undefined while it is stopped. */
  get broker(): Broker | undefined {
    return this.#running?.broker;
  }

  /** Replaces the faults, now and after each start. @throws UsageError for a rule that is not valid; nothing has changed then */
  setFaults(faults: readonly string[]): void {
    this.#faults = checkedFaults(faults);
    this.#running?.setFaults?.(faults.map(parseFault));
  }

  /** Stops it if it runs, and starts it. @throws TmqError when an address cannot be bound, Error when it is closed */
  start(): Promise<void> {
    return this.#change(async () => {
      if (this.#isClosed) throw new Error('The broker is closed: it cannot start again.');
      await this.#stop();
      await this.#start();
    });
  }

  stop(): Promise<void> {
    return this.#change(() => this.#stop());
  }

  /** Stops it for good, and removes its certificates. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#change(async () => {
      await this.#stop();
      await this.#certificates?.[Symbol.asyncDispose]();
    });
  }

  #change(change: () => Promise<void>): Promise<void> {
    const changed = this.#lastChange.then(change);
    this.#lastChange = changed.catch(() => undefined);
    return changed;
  }

  async #start(): Promise<void> {
    const {seed, log = () => undefined, tls} = this.#options;
    if (tls !== undefined) this.#certificates ??= await localCertificates(undefined, Date.now());
    const {config} = this.#bound ?? {
      config: {...this.#config, listeners: withTls(this.#config.listeners, this.#certificates?.files)},
    };
    const running = await runBroker(config, {
      log: (_type, line) => log(line),
      hooks: this.#hooks,
      keepsProcess: false,
      faults: this.#faults.map(parseFault),
      faultsMayChange: true,
      ...defined({seed, restored: this.#kept}),
    }).catch(async (error: unknown) => {
      if (this.#bound === undefined) await this.#certificates?.[Symbol.asyncDispose]();
      throw error;
    });
    this.#running = running;
    this.#bound ??= {addresses: running.addresses, config: withPorts(config, running.addresses)};
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    await running.close();
    if (this.#config.persistence !== undefined) return;
    const {retained, sessions} = running.broker.state();
    this.#kept = {retained: [...retained], sessions: [...sessions]};
  }
}

/** @throws UsageError for a rule that is not valid, TypeError for what is no list */
function checkedFaults(faults: readonly string[]): readonly string[] {
  if (!Array.isArray(faults))
    throw new TypeError(`faults is ${JSON.stringify(faults)}: it is a list of rules.`);
  for (const rule of faults) parseFault(rule);
  return [...faults];
}

/** The settings with the ports that were free in the place of 0. */
function withPorts(config: BrokerConfig, addresses: RunningBroker['addresses']): BrokerConfig {
  const ports = new Map(addresses.map(({listener, port}) => [listener, port]));
  return {
    ...config,
    listeners: config.listeners.map((listener) => ({
      ...listener,
      port: ports.get(listener) ?? listener.port,
    })),
  };
}
