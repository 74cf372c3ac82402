/**
 * From a plan to an open session: resolves the secrets, connects, and sends what there is to tell on
 * the way (packets with -d, connections lost and found) to stderr. What pub, sub and rr have in common
 * once their words are understood.
 */

import {type ConnectionOptions, type Endpoint, eachEndpoint} from '../../client/connection-options.ts';
import type {ReconnectPolicy, Session, SessionEvent} from '../../client/types.ts';
import {type Io, isDropIn} from '../../io/process.ts';
import {oneSafeLine} from '../../io/sanitise.ts';
import {canRewrite} from '../../io/status-line.ts';
import {type Spinner, spinner, warningLine} from '../../io/terminal.ts';
import {type ClientPlan, checkKeepaliveOfDropIn} from './client-options.ts';
import type {ReconnectPlan} from './reconnect-options.ts';
import {resolveConnection} from './resolve-connection.ts';

export interface OpenOptions {
  /** Ends every wait; by default the process's own. */
  readonly signal?: AbortSignal;
  /** Whether the command connects again after a loss, where --reconnect does not say. */
  readonly reconnects?: boolean;
  /** With --pipeline, send what follows behind CONNECT where CONNACK cannot matter to it. */
  readonly pipelined?: boolean;
  /** The session is short, and may do without MQTT.js. */
  readonly minimal?: boolean;
  /** A packet follows each SUBACK anyway. */
  readonly sendsAfterSubscribing?: boolean;
  /** With -d, also tell what each SUBACK granted. */
  readonly traceGrants?: boolean;
  /** Whether stdin is being read: what is typed there must not meet a spinner. */
  readonly readsStdin?: boolean;
  /** Called at each event of the connection. */
  readonly onEvent?: (event: SessionEvent) => void;
  /** Called before each line on stderr, to make room for it. */
  readonly beforeLine?: () => void;
}

/** Milliseconds of the first and of the longest pause between attempts. */
const firstPause = 1000;
const longestPause = 30_000;

/**
 * Connects. Dispose of the session to leave with a DISCONNECT.
 * @throws TmqError when a secret cannot be had or the broker cannot be reached or refuses
 */
export async function openSession(plan: ClientPlan, io: Io, options: OpenOptions = {}): Promise<Session> {
  if (isDropIn(io)) checkKeepaliveOfDropIn(plan);
  if (!plan.quiet) {
    for (const each of plan.warnings) io.stderr.write(await warningLine(io, each, plan.color));
  }
  const log = plan.events && (await import('./events.ts')).eventWriter(plan.events, io);
  const onEvent = (event: SessionEvent) => {
    log?.(event);
    options.onEvent?.(event);
  };
  const connection = await resolveConnection(plan.connection, io);
  const {connect} = await import('../../client/connect.ts');
  const waiting = await showWaiting(plan, io, connection.endpoint, options);
  const makeRoom = () => {
    waiting?.stop();
    options.beforeLine?.();
  };
  const looks = plan.debug ? await (await import('./debug-looks.ts')).debugLooks(plan, io) : String;
  // Topics and reasons come from others: they are shown, not obeyed.
  const tell = (line: string, look: (safe: string) => string = String) => {
    makeRoom();
    io.stderr.write(`${look(oneSafeLine(line))}\n`);
  };
  return await connect(beforePassphrase(connection, makeRoom), {
    signal: options.signal ?? io.signal,
    reconnect: policyOf(plan.reconnect, options.reconnects === true, io),
    fastPath: (io.env.TMQ_NO_FASTPATH ?? '') === '',
    pipelined: options.pipelined === true && plan.pipeline,
    minimal: options.minimal === true,
    sendsAfterSubscribing: options.sendsAfterSubscribing === true,
    onReady: () => waiting?.stop(),
    onEvent,
    traceGrants: options.traceGrants === true && !plan.quiet,
    ...(plan.debug ? {trace: (line) => tell(line, looks)} : {}),
    ...(plan.debug && !isDropIn(io) ? {detail: (line) => tell(`* ${line}`, looks)} : {}),
    ...(plan.quiet ? {} : {notice: (line) => tell(line)}),
  });
}

/** mosquitto's pause is always the same. */
function policyOf({afterLoss, atStart, pauses}: ReconnectPlan, reconnects: boolean, io: Io): ReconnectPolicy {
  return {
    afterLoss: afterLoss ?? reconnects,
    atStart,
    delayMilliseconds: firstPause,
    ...(isDropIn(io) ? {} : {maximumDelayMilliseconds: longestPause}),
    ...pauses,
  };
}

/** Says what is being waited for, unless the packets of -d say more, or something is typed. */
async function showWaiting(
  {debug, quiet, color}: ClientPlan,
  io: Io,
  endpoint: Endpoint,
  {readsStdin = false}: OpenOptions,
): Promise<Spinner | undefined> {
  if (debug || quiet || !canRewrite(io) || (readsStdin && io.stdin.isTTY === true)) return undefined;
  const {describe} = await import('../../client/transport/transport.ts');
  return spinner(io, `Connecting to ${oneSafeLine(describe(endpoint))}`, color);
}

/** The prompt for a key's passphrase has its line to itself. */
function beforePassphrase(connection: ConnectionOptions, makeRoom: () => void): ConnectionOptions {
  const withRoom = <Each extends Endpoint>(endpoint: Each): Each => {
    const ask = endpoint.tls?.passphrase;
    if (endpoint.tls === undefined || ask === undefined) return endpoint;
    const passphrase = (signal: AbortSignal) => {
      makeRoom();
      return ask(signal);
    };
    return {...endpoint, tls: {...endpoint.tls, passphrase}};
  };
  return eachEndpoint(connection, withRoom);
}
