/**
 * A broker with everything around it: access files, listeners, packets shown to whoever watches. What
 * the command and the tests' own brokers have in common. Reads no command line.
 */

import {type FileAccess, fileAccess} from './access.ts';
import {Broker, type BrokerContext} from './broker.ts';
import type {BrokerConfig} from './config.ts';
import {type Fault, FaultPlan} from './faults.ts';
import {faultyStream} from './faulty-stream.ts';
import {type Acceptor, type Address, listen} from './listen.ts';
import {serverTlsOptions} from './listener-tls.ts';
import {readBytes} from './read-file.ts';
import {openStore} from './store.ts';

export interface RunContext extends Pick<BrokerContext, 'now' | 'log' | 'observe' | 'fastPath'> {
  /** What is to go wrong between clients and broker. */
  readonly faults?: readonly Fault[];
  /** For the faults' dice; 1 unless told. */
  readonly seed?: number;
}

export interface RunningBroker {
  readonly broker: Broker;
  readonly addresses: readonly Address[];
  /**
   * Reads passwords, rights, certificates and keys again. @throws TmqError about the first file that
   * cannot be used; what was read before it counts
   */
  reload(listeners: BrokerConfig['listeners']): void;
  /** Disconnects everybody and closes everything. */
  close(): Promise<void>;
}

/**
 * Starts a broker.
 * @throws TmqError when a file cannot be used or a listener cannot be bound
 */
export async function runBroker(config: BrokerConfig, context: RunContext): Promise<RunningBroker> {
  const access: FileAccess = fileAccess(config.listeners, readBytes);
  const {log} = context;
  const store =
    config.persistence === undefined
      ? undefined
      : openStore(config.persistence, (line) => log('warning', line));
  const broker = new Broker(config, {
    access,
    now: context.now,
    log,
    connectionMessages: config.log.connectionMessages,
    ...(store === undefined ? {} : {journal: store.journal, restored: store.restored}),
    ...(context.observe === undefined ? {} : {observe: context.observe}),
    ...(context.fastPath === undefined ? {} : {fastPath: context.fastPath}),
  });
  try {
    const listening = await listen(acceptorFor(broker, context), config, {
      read: readBytes,
      log: (type, line) => {
        if (type !== 'notice' || config.log.connectionMessages) log(type, line);
      },
    });
    return {
      broker,
      addresses: listening.addresses,
      reload(listeners) {
        access.reload(listeners);
        broker.permissionsChanged();
        listening.reload();
      },
      async close() {
        await listening.close(broker.close());
        store?.close();
      },
    };
  } catch (error) {
    await broker.close();
    store?.close();
    throw error;
  }
}

/** The broker itself, or the broker behind faults. */
function acceptorFor(broker: Broker, {faults = [], seed = 1}: RunContext): Acceptor {
  if (faults.length === 0) return broker;
  const plan = new FaultPlan(faults, seed);
  return {accept: (stream, listener, peer) => broker.accept(faultyStream(stream, plan), listener, peer)};
}

/** Reads all files that the listeners name, and says what is wrong with one. @throws TmqError */
export function checkFiles(listeners: BrokerConfig['listeners']): void {
  fileAccess(listeners, readBytes);
  for (const listener of listeners) {
    if (listener.tls !== undefined) serverTlsOptions(listener, listener.tls, readBytes);
  }
}
