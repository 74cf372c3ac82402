/** The report as people read it. Pure. */

import {oneSafeLine} from '../../io/sanitise.ts';
import {grouped} from '../../io/status-line.ts';
import {type Counts, type Measurement, total} from '../../load/measuring/measurement.ts';
import {type Figures, figuresOf, type Latency, mainLatency, perSecond, type Report} from './report.ts';

/** A time in the unit that suits it. */
function timeText(milliseconds: number): string {
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function rateText(count: number, seconds: number): string {
  return `${grouped(count)} in ${seconds.toFixed(2)} s, ${grouped(perSecond(count, seconds))}/s`;
}

type Line = readonly [name: string, value: string];

function latencyLine(name: string, latency: Latency | undefined): readonly Line[] {
  if (latency === undefined) return [];
  const {p50, p90, p99, max} = latency;
  const parts = [
    `p50 ${timeText(p50)}`,
    `p90 ${timeText(p90)}`,
    `p99 ${timeText(p99)}`,
    `p99.9 ${timeText(latency['p99.9'])}`,
    `max ${timeText(max)}`,
  ];
  return [[name, parts.join('   ')]];
}

/** What happened how often, the most frequent first. */
function reasonLines(counts: Counts): readonly Line[] {
  const sorted = Object.entries(counts).sort(([, one], [, other]) => other - one);
  return sorted.map(([reason, times]) => ['', `${grouped(times)} ${oneSafeLine(reason)}`]);
}

function connectionLines({connect}: Figures, measurement: Measurement): readonly Line[] {
  const {clients, connected, connectSeconds, refused, lost} = measurement;
  return [
    [
      'connected',
      `${grouped(connected)} of ${grouped(clients)} in ${connectSeconds.toFixed(2)} s, ${grouped(perSecond(connected, connectSeconds))}/s`,
    ],
    ...latencyLine('  latency', connect),
    ...(total(refused) > 0 ? [['refused', grouped(total(refused))] as const, ...reasonLines(refused)] : []),
    ...(total(lost) > 0 ? [['disconnected', grouped(total(lost))] as const, ...reasonLines(lost)] : []),
  ];
}

function sentLines({acknowledge}: Figures, measurement: Measurement, qos: number): readonly Line[] {
  const {sent, sendSeconds, acknowledged, unsent, refusedMessages} = measurement;
  const rejected = total(refusedMessages);
  return [
    ['sent', rateText(sent, sendSeconds)],
    ...(unsent > 0 ? [['not sent', `${grouped(unsent)} that were due`] as const] : []),
    ...(qos > 0 ? [['acknowledged', grouped(acknowledged)] as const] : []),
    ...latencyLine('  latency', acknowledge),
    ...(rejected > 0 ? [['rejected', grouped(rejected)] as const, ...reasonLines(refusedMessages)] : []),
  ];
}

function receivedLines(figures: Figures, measurement: Measurement): readonly Line[] {
  const {lost = 0, twice = 0, disordered = 0, foreign = 0, message} = figures;
  return [
    ['received', rateText(measurement.received, measurement.receiveSeconds)],
    ...latencyLine('  latency', message),
    ['lost', grouped(lost)],
    ['twice', grouped(twice)],
    ['out of order', grouped(disordered)],
    ...(foreign > 0 ? [['not by bench', grouped(foreign)] as const] : []),
  ];
}

/** What the figures mean. */
function remarks({kind, scheduled, qos, measurement}: Report, figures: Figures): readonly string[] {
  const {otherClock, publishers, received} = measurement;
  const hasLatency = figures[mainLatency[kind]] !== undefined && received + measurement.sent > 0;
  return [
    ...(hasLatency && kind !== 'sub'
      ? [
          scheduled
            ? 'Latency counts from when a message was to be sent, however long it had to wait.'
            : 'Latency counts from when a message was sent: without --rate there is no time at which it was to be.',
        ]
      : []),
    ...(hasLatency && kind === 'sub'
      ? ['Latency counts from when the senders, on this machine, were to send.']
      : []),
    ...(otherClock > 0
      ? [`${grouped(otherClock)} messages have no latency: they came from a machine with another clock.`]
      : []),
    ...(kind === 'sub' && publishers.length === 0
      ? [
          'Lost are the gaps in the numbers that came; merge with the report of the senders for all that was sent.',
        ]
      : []),
    ...(kind === 'pub' && qos === 0
      ? ['At QoS 0 the broker acknowledges nothing: sent is what it has read.']
      : []),
  ];
}

/** The whole report, with a newline at its end. */
export function reportText(report: Report): string {
  const {kind, measurement, qos} = report;
  const figures = figuresOf(report);
  const isConnected = measurement.connected > 0;
  const lines = [
    ...connectionLines(figures, measurement),
    ...(isConnected && (kind === 'pub' || kind === 'e2e') ? sentLines(figures, measurement, qos) : []),
    ...(isConnected && (kind === 'sub' || kind === 'e2e') ? receivedLines(figures, measurement) : []),
  ];
  const notes = isConnected ? remarks(report, figures) : [];
  const table = lines.map(([name, value]) => `${name.padEnd(14)}${value}`);
  return `${[...table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}
