/** Subscribes, and prints what comes, until the last message, the time limit or a signal. */

import {defineCommand} from '../../cli/command.ts';
import {decimal, inGroup, integer} from '../../cli/option.ts';
import type {Session} from '../../client/types.ts';
import {defined} from '../../defined.ts';
import {ExitCode, Interrupted, UsageError} from '../../errors.ts';
import {Output} from '../../io/output.ts';
import type {Io} from '../../io/process.ts';
import type {QoS} from '../../protocol/message.ts';
import {propertiesFor} from '../../protocol/property-option.ts';
import {ReasonCode} from '../../protocol/reason-codes.ts';
import {clientDifferences} from '../client/client-differences.ts';
import {clientOptions, defaultInFlight, toClientPlan} from '../client/client-options.ts';
import {withEnvironment} from '../client/environment.ts';
import {withBroker} from '../client/exec/broker-environment.ts';
import {checkUrlTopic, subscribeUrlOption} from '../client/network-options.ts';
import {openSession} from '../client/open-session.ts';
import {type ReceiveValues, receiveOptions, retainOptions, timeLimit} from '../client/receive-options.ts';
import {topicFilters} from '../client/topic-option.ts';
import {execSection} from '../manual/commands.ts';
import {conditionsSection} from '../manual/conditions.ts';
import {receiveDelivery} from '../manual/delivery.ts';
import {formatDifference, formatSection} from '../manual/format-section.ts';
import {jsonLinesSection} from '../manual/json-lines.ts';
import {readySection} from '../manual/ready.ts';
import {conditionOptions, conditionTexts, createIdleTime, createJudge} from './conditions/options.ts';
import type {Judge} from './conditions/types.ts';
import {createView} from './create-view.ts';
import {type CommandPlan, commandOptions, toCommandPlan} from './exec/command-options.ts';
import type {Companion} from './exec/companion.ts';
import {usualWindow} from './exec/exec-options.ts';
import type {Execution} from './exec/execution.ts';
import type {ReadySignals} from './exec/ready.ts';
import {missing, type Progress} from './progress.ts';
import {asPublished, checkRecordOptions, type RecordValues, recordOptions} from './record-options.ts';
import {RetainedRemoval, RetainedRounds} from './remove-retained.ts';
import {leftOut, type SelectionPlan, selection} from './selection.ts';
import {streamLast} from './stream-last.ts';
import {checkNoLocal, type SubscribePlan, subscribe, topicQos, warnUser} from './subscribe.ts';

export interface SubPlan extends SubscribePlan {
  readonly selection: SelectionPlan;
  readonly output: ReceiveValues & RecordValues;
  readonly timeoutSeconds?: number;
  /** --idle. */
  readonly idleSeconds?: number;
  readonly commands: CommandPlan;
  /** How many messages it has at a time with --exec. */
  readonly window: number;
}

const options = {
  ...inGroup('Messages', {
    topics: {
      flags: '-t, --topic <filter>',
      summary: 'topic filter to subscribe to; repeatable',
      noun: 'topic',
      parse: topicFilters({option: '-t', what: 'subscription topic'}),
    },
    filterOut: {
      flags: '-T, --filter-out <filter>',
      summary: 'do not print messages of these topics; repeatable',
      noun: 'topic filter',
      parse: topicFilters({option: '-T', what: 'filter topic'}),
    },
    unsubscribe: {
      flags: '-U, --unsubscribe <filter>',
      summary: 'unsubscribe from this topic filter; repeatable',
      details: 'For a persistent session (-c) that still has the subscription. -t is not needed then.',
      noun: 'unsubscribe topic',
      parse: topicFilters({option: '-U', what: 'unsubscribe topic'}),
    },
    count: {
      flags: '-C, --count <count>',
      summary: 'end after this many messages',
      parse: integer({
        minimum: 1,
        problem: (given) => `Invalid message count "${given}". It is a number from 1.`,
      }),
    },
  }),
  topicQos: {
    flags: '--topic-qos <filter> <level>',
    group: 'Messages',
    summary: 'subscribe to this filter at a QoS of its own; repeatable',
    details: 'As -t, but -q does not count for it: -q is the QoS of all filters of -t.',
    missing: '--topic-qos argument given but no filter and QoS specified.',
    words: () => 2,
    parse: (given: string, previous: ReadonlyMap<string, QoS> | undefined): ReadonlyMap<string, QoS> =>
      new Map([...(previous ?? []), topicQos(given)]),
  },
  noLocal: {
    flags: '--no-local',
    group: 'Messages',
    summary: 'receive nothing that this client itself publishes; sets MQTT 5',
    details: 'Such as what --remove-retained publishes. Not for shared subscriptions.',
    assign: () => ({protocolVersion: 5}),
  },
  ...receiveOptions,
  ...recordOptions,
  ...conditionOptions,
  ...inGroup('Messages', {
    exitAfterSubscribe: {
      flags: '-E, --exit-after-subscribe',
      summary: 'end as soon as the broker has acknowledged the subscription',
    },
    retainedOnly: {
      flags: '--retained-only',
      summary: 'end when all retained messages have come',
      details:
        'At the first message that is not a retained one, or after half a second without a message, once the broker has answered the subscription and a ping behind it.',
    },
    removeRetained: {
      flags: '--remove-retained',
      summary: 'clear each retained message that is received',
      details:
        'Messages that -T drops are left alone. tmq ends only after the broker has acknowledged the clearing. With --retained-only it drops messages that are not retained, and subscribes again until nothing retained comes, because a broker may cut off a long answer. What was not removed is counted, and the status is not 0.',
    },
    randomFilter: {
      flags: '--random-filter <percent>',
      summary: 'print only this percentage of the messages, at random',
      noun: 'chance',
      parse: decimal({
        minimum: 0.1,
        maximum: 100,
        problem: (given) => `--random-filter chance must be between 0.1-100.0, not ${given}.`,
      }),
    },
  }),
  ...inGroup('Output', {
    messageRate: {
      flags: '--message-rate',
      summary: 'print the number of messages each second instead of the messages',
    },
    watch: {
      flags: '-w, --watch',
      summary: 'show one line for each topic, and update it when a message comes',
      details:
        'On a terminal it is a table that fits the window: for each topic the number of messages, the age of the last one, its name and the last message. A last line says how many topics do not fit.',
    },
  }),
  ...commandOptions,
  ...clientOptions,
  url: subscribeUrlOption,
} as const;

export const sub = defineCommand({
  name: 'sub',
  summary: 'subscribe to topics and print the messages',
  synopsis: [
    '[options] -t <filter> …',
    '[options] -L <url>',
    '[options] -t <filter> … {--then | --exec} -- command [argument ...]',
  ],
  description: [
    'Connects to an MQTT broker, subscribes, and prints each message on standard output as it comes, byte for byte. It acknowledges a message of QoS 1 or 2 only after it was written.',
    'On a terminal, a line on standard error names the topics that it has subscribed to.',
    'When the connection is lost, tmq sub connects again and subscribes anew, with a line on standard error (see tmq help reconnecting). It ends with 0 after -C messages, at SIGINT and SIGTERM, and when the program that reads its output ends. See Delivery.',
  ],
  options,
  mostUsed: ['topics', 'verbose', 'count', 'timeout', 'format', 'host'],
  optionsFile: 'sub',
  commandSwitches: ['companion', 'exec'],
  examples: {
    'tmq sub -t home/lamp': 'Print the payloads of one topic.',
    "tmq sub -v -t 'home/#'": 'Topic and payload of a whole tree.',
    "tmq sub -t 'sensors/+/temperature' -F '%t %p' -C 10 -W 5":
      'Ten messages in a format of your own, or exit status 27 after five seconds.',
    "tmq sub -t '#' -F %j -C 3 | jq .topic": 'Three messages as JSON, one object a line.',
    "tmq sub -t 'files/#' -0 -C 2 | xargs -0 -n 1 echo": 'A command for each message, whatever is in it.',
    "tmq sub -t 'old/#' --retained-only --remove-retained -W 5": 'Clear retained messages.',
    "tmq sub -q 1 -t 'jobs/#' --exec -- ./job.sh":
      'Run a command for each message, with the payload on its standard input.',
    'tmq sub -t reply -C 1 -W 5 --then -- tmq pub -t request -m now':
      'Ask, and wait for the answer: the question is sent once the subscription stands.',
    "tmq sub -t door/state --until '.open == true' -W 30":
      'Wait for a door to open, or exit status 27 after half a minute.',
    "tmq sub -v -t 'sensors/#' --where '.temperature > 30 and topic ~ \"/cellar$\"'":
      'What matters of a whole tree.',
    "tmq sub -t 'log/#' --fail-if '.level == \"error\"' --idle 5":
      'Exit status 50 at the first error, 0 after five quiet seconds.',
  },
  sections: [receiveDelivery, readySection, execSection, conditionsSection, formatSection, jsonLinesSection],
  differences: [
    'When the broker denies every subscription, the exit status is its reason code (128 for MQTT 3.1.1); mosquitto_sub ends with 0.',
    'A lost connection, and its return, are reported on standard error.',
    'A timeout (-W) is 27 and a signal 130 or 143 also before the broker has accepted the connection; mosquitto_sub ends with 255 there.',
    '-E with -U alone ends when the unsubscription is acknowledged. If only some subscriptions are denied, a warning names them.',
    '--random-filter is a percentage, also with a fraction. With -R, --remove-retained clears the messages all the same. --remove-retained waits until the broker has acknowledged each clearing.',
    formatDifference,
    ...clientDifferences,
  ],
  fromEnvironment: (values, env) => withEnvironment(values, env, options.url),
  plan(values, operands): SubPlan {
    const {topicQos: qosByFilter, unsubscribe = [], hideRetained = false, retainedOnly = false} = values;
    const topics = [...new Set([...(values.topics ?? []), ...(qosByFilter?.keys() ?? [])])];
    const usual = values.exec === true ? usualWindow(values) : defaultInFlight;
    // --where may leave out any number of messages.
    const most = (values.where === undefined ? values.count : undefined) ?? usual;
    const client = toClientPlan(values, {protocolVersion: 4, receiveMaximum: Math.min(most, usual)});
    if (topics.length === 0 && unsubscribe.length === 0) {
      checkUrlTopic(values);
      throw new UsageError(
        'You must specify a topic to subscribe to (-t) or unsubscribe from (-U), as in tmq sub -t greetings',
      );
    }
    if (hideRetained && retainedOnly) {
      throw new UsageError("Combining '-R' and '--retained-only' makes no sense.");
    }
    checkRecordOptions(values);
    const version = client.connection.protocolVersion;
    const noLocal = values.noLocal === true;
    checkNoLocal(noLocal, version, topics);
    const properties = propertiesFor(values.property, 'subscribe', version);
    const qos = (values.qos ?? 0) as QoS;
    const levels = topics.map((topic) => qosByFilter?.get(topic) ?? qos);
    return {
      client,
      subscribe: topics,
      unsubscribe,
      options: {
        qos,
        ...retainOptions(asPublished(values, version)),
        noLocal,
        ...defined({qosByFilter, properties}),
      },
      unsubscribeProperties: propertiesFor(values.property, 'unsubscribe', version),
      selection: {
        filterOut: values.filterOut ?? [],
        hideRetained,
        retainedOnly,
        removeRetained: values.removeRetained ?? false,
        printPercent: values.randomFilter ?? 100,
        ...defined({limit: values.count, conditions: conditionTexts(values)}),
      },
      output: values,
      view: values.messageRate === true ? 'rate' : values.watch === true ? 'watch' : 'messages',
      ...defined({timeoutSeconds: values.timeout, idleSeconds: values.idle}),
      exitAfterSubscribe: values.exitAfterSubscribe ?? false,
      commands: toCommandPlan(values, operands, {connection: client.connection, levels}),
      window: client.connection.properties?.receiveMaximum ?? usual,
    };
  },
  async run(plan, io): Promise<ExitCode> {
    const {companion: words, ready} = plan.commands;
    const judge = await createJudge(plan.selection.conditions);
    const progress: Progress = {received: 0, isConnected: () => false, left: () => undefined};
    using limit = timeLimit(plan.timeoutSeconds, () => missing(plan, progress));
    using signals = ready && new (await import('./exec/ready.ts')).ReadySignals(ready, io);
    const signal = AbortSignal.any([io.signal, limit.signal]);
    if (words.length === 0) return await listen(plan, io, {judge, progress, signal, signals});
    const {Companion} = await import('./exec/companion.ts');
    const companion = new Companion(words, {...io, env: withBroker(io.env, plan.client.connection)});
    return await companion.beside(() => listen(plan, io, {judge, progress, signal, signals, companion}));
  },
});

interface Run {
  readonly judge: Judge | undefined;
  readonly progress: Progress;
  /** Ends it: a signal of the system, or the time limit. */
  readonly signal: AbortSignal;
  readonly signals: ReadySignals | undefined;
  readonly companion?: Companion;
}

async function listen(plan: SubPlan, io: Io, run: Run): Promise<ExitCode> {
  const {progress, signal, companion} = run;
  using execution = await createExecution(plan, io, run);
  await using session = await openSession(plan.client, io, {
    signal: execution?.signal ?? signal,
    reconnects: true,
    traceGrants: true,
    pipelined: true,
    minimal: execution === undefined && plan.selection.limit !== undefined,
  });
  progress.isConnected = () => session.connections > 0;
  try {
    if (execution !== undefined) {
      const status = await execute(execution, {plan, session, run, io});
      await session.end();
      return status;
    }
    const receiving = receive(plan, session, run, io);
    await (companion === undefined ? receiving : Promise.race([receiving, companion.failed]));
  } catch (error) {
    if (!signal.aborted || error !== signal.reason || session.connections === 0) throw error;
    // With MQTT 5 the will is published: the client was interrupted [mosquitto: sub_client.c].
    await session.end(ReasonCode.disconnectWithWill);
    // A hangup ends mosquitto_sub with its own status.
    const left = progress.left();
    if (!isAskedToEnd(io.signal.reason)) {
      if (left !== undefined) await warnUser(plan, left.message, io);
      throw error;
    }
    if (left !== undefined) throw left;
    if (execution?.isCut) throw error;
    return execution?.status ?? ExitCode.success;
  }
  await session.end();
  return ExitCode.success;
}

/** SIGINT and SIGTERM: the ordinary end of a subscription. */
function isAskedToEnd(reason: unknown): boolean {
  return reason instanceof Interrupted && ['SIGINT', 'SIGTERM'].includes(reason.signalName);
}

/** Subscribes and prints until the receiver has its last message. Messages may come before the SUBACK. */
async function receive(plan: SubPlan, session: Session, run: Run, io: Io): Promise<void> {
  const {judge, progress} = run;
  const output = new Output(io.stdout);
  using view = await createView(plan, io, output);
  const select = selection(plan.selection, Math.random, judge);
  const removal = new RetainedRemoval(session, (sentence) => void warnUser(plan, sentence, io));
  const {retainedOnly, removeRetained} = plan.selection;
  progress.left = () => removal.failure();
  const again = () => session.subscribe(plan.subscribe, {...plan.options, retainHandling: 0});
  using idle = await createIdleTime(plan.idleSeconds, session);
  const rounds = new RetainedRounds({session, removal, ...(retainedOnly && removeRetained ? {again} : {})});
  const receiving = session.receive({
    message(message) {
      if (retainedOnly && rounds.isPassedOver(message)) return 'more';
      const selected = select(message);
      if (selected === leftOut) return 'more';
      const {decision, print, remove, counts} = selected;
      if (counts) progress.received++;
      if (counts) idle?.news();
      view.count(message);
      if (print) view.print(message);
      if (remove) {
        rounds.removing(message.topic);
        removal.remove(message.topic);
      }
      return decision;
    },
    flush: () => {
      view.batchEnds();
      const flushing = rounds.flushing(output.tryFlush());
      return idle === undefined ? flushing : idle.flushing(flushing);
    },
    stream: streamLast(plan, {output, stdout: io.stdout}, () => progress.received),
  });
  const subscribed = subscribeAll(plan, session, run, io);
  const finished = plan.exitAfterSubscribe ? subscribed : Promise.all([subscribed, receiving]);
  receiving.catch(() => undefined);
  using _reader = output.watchReader();
  const retained = retainedOnly ? [rounds.finished(subscribed)] : [];
  const quiet = idle === undefined ? [] : [idle.over(subscribed)];
  await Promise.race([finished, receiving, output.closed, ...retained, ...quiet]);
  rounds.end();
  await removal.answered();
  view.end();
  await output.flush();
  const failure = judge?.failure ?? removal.failure(rounds.repeated);
  if (failure !== undefined) throw failure;
}

/** What runs the command of --exec; undefined without it. */
async function createExecution(plan: SubPlan, io: Io, run: Run): Promise<Execution | undefined> {
  const {exec} = plan.commands;
  if (exec === undefined) return undefined;
  const {Execution} = await import('./exec/execution.ts');
  const select = selection(plan.selection, Math.random, run.judge);
  const counted = () => void run.progress.received++;
  return new Execution({...plan, plan: exec, io, signal: run.signal, select, counted});
}

interface Executed {
  readonly plan: SubPlan;
  readonly session: Session;
  readonly run: Run;
  readonly io: Io;
}

/** Subscribes, and runs the command for each message. Resolves with the exit status. */
async function execute(execution: Execution, {plan, session, run, io}: Executed): Promise<ExitCode> {
  using idle = await createIdleTime(plan.idleSeconds, session);
  const status = await execution.run(session, () => subscribeAll(plan, session, run, io), idle);
  if (run.judge?.failure !== undefined) throw run.judge.failure;
  return status;
}

/** Subscribes; once the broker has granted all filters, tells the script (--ready-fd) and starts the command of --then. */
async function subscribeAll(plan: SubPlan, session: Session, run: Run, io: Io): Promise<void> {
  const {signal, signals, companion} = run;
  const codes = await subscribe(plan, session, io, (signals ?? companion) !== undefined);
  signals?.subscribed(plan.subscribe, codes);
  companion?.start(signal);
}
