/**
 * Starts a broker with its access files, store, faults and listeners: what `tmq broker` and `tmq/testing` have in
 * common. Reads no command line.
 */

import {defined} from '../../defined.ts';
import {ExitCode, fileError, Interrupted, TmqError} from '../../errors.ts';
import {type Access, type FileAccess, fileAccess} from '../access/access.ts';
import {askingAccess} from '../access/asking-access.ts';
import {Broker} from '../broker.ts';
import {readBytes} from '../config/read-file.ts';
import type {BrokerConfig} from '../config/settings.ts';
import {openStore, realStorePath, type Store} from '../persistence/store.ts';
import type {BrokerContext} from '../state/broker-context.ts';
import {type Fault, FaultPlan} from './faults.ts';
import {faultyStream} from './faulty-stream.ts';
import {type Acceptor, type Address, listen} from './listen.ts';
import {ServerTls} from './listener-tls.ts';

/** A lock on the store's file. */
export interface StoreLock {
  release(): Promise<void>;
}

/** What a running broker needs from the process. */
export interface RunContext
  extends Pick<BrokerContext, 'log' | 'observe' | 'fastPath' | 'hooks' | 'restored'> {
  /** The faults between clients and broker. */
  readonly faults?: readonly Fault[];
  /** Faults may be set while the broker runs, which costs time for each packet; default: only if there are some. */
  readonly faultsMayChange?: boolean;
  /** Locks the store while the broker runs; absent: no lock. @throws TmqError when another process holds it */
  readonly lock?: (path: string) => Promise<StoreLock>;
  /** Whether listeners and clients keep the process running; default true. */
  readonly keepsProcess?: boolean;
  /** The random seed of the faults; default 1. */
  readonly seed?: number;
}

/** A broker that accepts clients. */
export interface RunningBroker {
  readonly broker: Broker;
  /** Who may connect. */
  readonly access: Access;
  readonly addresses: readonly Address[];
  /**
   * Takes new settings for the listeners, in the order of the start, and reads passwords, access rights, certificates
   * and keys again. Clients that would not be accepted now are disconnected.
   * @throws TmqError about the first file that cannot be used; then nothing has changed
   */
  reload(listeners: BrokerConfig['listeners']): void;
  /**
   * Replaces all faults, also for the clients that are connected. Undefined where no client's stream looks at its
   * packets: there were no faults, and none were to come.
   */
  readonly setFaults: ((faults: readonly Fault[]) => void) | undefined;
  /** Disconnects all clients, and closes the listeners and the store. */
  close(): Promise<void>;
}

/**
 * Starts a broker.
 * @throws TmqError when a file cannot be used or a listener cannot be bound
 */
export async function runBroker(config: BrokerConfig, context: RunContext): Promise<RunningBroker> {
  const access: FileAccess = fileAccess(config.listeners, readBytes);
  for (const warning of access.warnings) context.log('warning', `Warning: ${warning}.`);
  const persistence = realPersistence(config);
  const lock = await lockFor(persistence, context);
  try {
    return await runLocked({config, persistence, context, access, lock});
  } catch (error) {
    await lock?.release();
    throw error;
  }
}

type Persistence = BrokerConfig['persistence'];

/** The store's settings with the real path of its file, so that two brokers never use it under two names. @throws TmqError */
function realPersistence({persistence}: BrokerConfig): Persistence {
  if (persistence === undefined) return undefined;
  try {
    return {...persistence, path: realStorePath(persistence.path)};
  } catch (error) {
    throw fileError('store', persistence.path, error, 'open');
  }
}

/** Two brokers with one store would overwrite each other's records. */
async function lockFor(persistence: Persistence, {lock}: RunContext): Promise<StoreLock | undefined> {
  if (persistence === undefined || lock === undefined) return undefined;
  const {path} = persistence;
  try {
    return await lock(`${path}.lock`);
  } catch (error) {
    // The lock file cannot be created: opening the store reports why, if it fails too.
    if (error instanceof Error && 'code' in error) return undefined;
    if (!(error instanceof TmqError) || error instanceof Interrupted) throw error;
    throw new TmqError(`Cannot use the store ${path}: ${error.message}`, ExitCode.failure, {cause: error});
  }
}

interface Locked {
  readonly config: BrokerConfig;
  readonly persistence: Persistence;
  readonly context: RunContext;
  readonly access: FileAccess;
  readonly lock: StoreLock | undefined;
}

async function runLocked({config, persistence, context, access, lock}: Locked): Promise<RunningBroker> {
  const {log} = context;
  const store = persistence && (await openStore({...persistence, wallOffset}, log));
  const broker = brokerWith(config, context, access, store);
  store?.follow(() => broker.state());
  const plan = planFor(context);
  try {
    const listening = await listen(acceptorFor(broker, plan), config, {
      read: readBytes,
      ...defined({keepsProcess: context.keepsProcess}),
      log: (type, line) => {
        if (type !== 'notice' || config.log.connectionMessages) log(type, line);
      },
    });
    return {
      broker,
      access,
      addresses: listening.addresses,
      setFaults: plan && ((faults) => plan.set(faults)),
      reload(listeners) {
        const prepared = [access.prepareReload(listeners), listening.prepareReload(listeners)];
        for (const use of prepared) use();
        for (const warning of access.warnings) log('warning', `Warning: ${warning}.`);
        broker.permissionsChanged();
      },
      async close() {
        await listening.close(broker.close());
        await store?.close();
        await lock?.release();
      },
    };
  } catch (error) {
    await broker.close();
    await store?.close();
    throw error;
  }
}

function brokerWith(
  config: BrokerConfig,
  {log, observe, fastPath, hooks, restored}: RunContext,
  files: FileAccess,
  store: Store | undefined,
): Broker {
  const {connectionMessages} = config.log;
  const access = hooks?.connect === undefined ? files : askingAccess(files, hooks.connect);
  const stored = {changeLog: store, journal: store?.journal, restored: store?.restored ?? restored};
  const options = defined({...stored, observe, fastPath, hooks});
  return new Broker(config, {access, now: brokerClock, log, connectionMessages, ...options});
}

/** Nanoseconds on the monotonic clock: setting the system's clock changes no interval. */
function brokerClock(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}

/** Milliseconds from the broker's clock to the wall clock, which the store's times are on. */
function wallOffset(): number {
  return Date.now() - Number(brokerClock() / 1_000_000n);
}

function planFor({faults = [], faultsMayChange = false, seed = 1}: RunContext): FaultPlan | undefined {
  return faults.length > 0 || faultsMayChange ? new FaultPlan(faults, seed) : undefined;
}

/** The broker, behind the faults of a plan. */
function acceptorFor(broker: Broker, plan: FaultPlan | undefined): Acceptor {
  if (plan === undefined) return broker;
  return {accept: (stream, listener, peer) => broker.accept(faultyStream(stream, plan), listener, peer)};
}

/** Reads all files that the listeners name, and gives the warnings about them. @throws TmqError about the first that cannot be used */
export function checkFiles(listeners: BrokerConfig['listeners']): readonly string[] {
  const {warnings} = fileAccess(listeners, readBytes);
  for (const listener of listeners) {
    if (listener.tls !== undefined) new ServerTls(listener, listener.tls, {read: readBytes}).prepare();
  }
  return warnings;
}
