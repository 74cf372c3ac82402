/**
 * The page of `tmq broker --web` beside a running broker: its port, its token, and what its server may do with the
 * broker. The page is a client like any other, except that no faults apply to it.
 */

import {randomBytes} from 'node:crypto';
import {TmqError} from '../../errors.ts';
import type {Io} from '../../io/process.ts';
import type {FaultSwitch} from '../../page-interface.ts';
import type {BrokerConfig, ListenerConfig} from '../config/settings.ts';
import type {FaultSwitches, WebServer} from '../web/web-server.ts';
import {webSocketUpgrade} from '../wire/web-socket.ts';
import {type Fault, parseFault} from './faults.ts';
import {codeOf, explain} from './listen-addresses.ts';
import type {RunningBroker} from './run-broker.ts';

/** What --web says, and what it depends on. */
export interface PagePlan {
  /** The port of --web; undefined: the usual one, or a free one where that is taken or the broker has a free one. */
  readonly port: number | undefined;
  /** The rules of --fault. */
  readonly rules: readonly string[];
  readonly config: Pick<BrokerConfig, 'listeners'>;
  readonly io: Pick<Io, 'env'>;
}

/** The port of the page, unless it is taken. */
const usualPort = 9080;

/**
 * Starts the page's server. The broker has to allow changes of its faults.
 * @throws TmqError when the port cannot be bound, the token is too easy to guess, or no listener knows its users by name
 */
export async function servePage(plan: PagePlan, running: RunningBroker): Promise<WebServer> {
  const {broker, addresses, access} = running;
  const listener = addresses.map((address) => address.listener).find(knowsUsersByName);
  if (listener === undefined) {
    throw new TmqError(
      '--web needs a listener that knows its users by their names: all of them take the names from certificates.',
    );
  }
  const upgrade = await webSocketUpgrade({
    accept: (stream, {remoteAddress, remotePort}) =>
      broker.accept(stream, listener, {address: `${remoteAddress}:${remotePort}`}),
    mayConnect: () => true,
    framing: 'write',
  });
  const {startWebServer} = await import('../web/web-server.ts');
  const context = {
    urls: addresses.map(({url}) => url),
    // With TMQ_WEB_TOKEN the URL stays the same.
    token: tokenOf(plan.io.env.TMQ_WEB_TOKEN),
    ...{upgrade, access, listener},
    faults: faultSwitches(plan.rules, (faults) => running.setFaults?.(faults)),
    clients: () => broker.clients(),
    disconnect: (clientId: string) => broker.disconnect(clientId),
  };
  const start = (port: number) => startWebServer(port, context);
  const {port = plan.config.listeners[0]?.port === 0 ? 0 : usualPort} = plan;
  try {
    return await start(port);
  } catch (error) {
    const isTaken = codeOf(error) === 'EADDRINUSE';
    if (isTaken && plan.port === undefined) return await start(0);
    if (isTaken) {
      throw new TmqError(
        `Cannot serve the page on port ${port}: it is in use; give --web 0 for a free port.`,
      );
    }
    throw explain(error, {...listener, host: '127.0.0.1', port, protocol: 'websockets'});
  }
}

/** Without a password for it, a page cannot be a client whose user name is in a certificate. */
function knowsUsersByName({tls}: ListenerConfig): boolean {
  return tls === undefined || !(tls.useIdentityAsUsername || tls.useSubjectAsUsername);
}

/** @throws TmqError for a token that is too easy to guess or that does not fit into a URL */
function tokenOf(given = ''): string {
  if (given === '') return randomBytes(18).toString('base64url');
  if (/^[\w-]{16,200}$/.test(given)) return given;
  throw new TmqError('TMQ_WEB_TOKEN has to be 16 to 200 letters, digits, - and _.');
}

/** The faults of the command line, all of them on; `apply` gets those that are on, whenever they change. */
export function faultSwitches(
  rules: readonly string[],
  apply: (faults: readonly Fault[]) => void,
): FaultSwitches {
  let list: readonly FaultSwitch[] = rules.map((rule) => ({rule, isOn: true}));
  return {
    get list() {
      return list;
    },
    set(next) {
      let faults: readonly Fault[];
      try {
        faults = next.map(({rule}) => parseFault(rule));
      } catch (error) {
        if (error instanceof TmqError) return error.message;
        throw error;
      }
      list = next;
      apply(faults.filter((_, index) => next[index]?.isOn));
      return undefined;
    },
  };
}
