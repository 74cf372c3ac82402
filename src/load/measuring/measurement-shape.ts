/** Whether a value from a file has the form of a measurement, so that it can be added up. Pure. */

import type {ClientGroup, Measurement} from './measurement.ts';

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const isText: Check = (value) => typeof value === 'string';

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

function recordOf(check: Check): Check {
  return (value) => isObject(value) && Object.values(value).every(check);
}

function shapeOf(members: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(members);
  return (value) => isObject(value) && checks.every(([name, check]) => check(value[name]));
}

/** Begins and ends, or numbers and counts. */
const isPairs: Check = (value) => listOf(isCount)(value) && (value as readonly number[]).length % 2 === 0;
const isNumbers = recordOf(isPairs);
const isCounts = recordOf(isCount);

const isHistogram = shapeOf({
  count: isCount,
  minimum: isCount,
  maximum: isCount,
  sum: isCount,
  buckets: isPairs,
});

/** Each client of a group is counted through. */
const mostClients = 1_000_000;

const isGroups = listOf(
  shapeOf({
    run: isText,
    template: isText,
    first: isCount,
    clients: (value) => isCount(value) && (value as number) <= mostClients,
  } satisfies Record<keyof ClientGroup, Check>),
);

/** Whether this is a measurement: each part is there, and of its type. */
export const isMeasurement = shapeOf({
  clients: isCount,
  connected: isCount,
  refused: isCounts,
  lost: isCounts,
  sent: isCount,
  acknowledged: isCount,
  unsent: isCount,
  refusedMessages: isCounts,
  received: isCount,
  foreign: isCount,
  otherClock: isCount,
  twice: isCount,
  disordered: isCount,
  connectSeconds: isCount,
  sendSeconds: isCount,
  receiveSeconds: isCount,
  latency: shapeOf({connect: isHistogram, acknowledge: isHistogram, message: isHistogram}),
  publishers: isGroups,
  acknowledgedNumbers: isNumbers,
  subscribers: isGroups,
  receivedNumbers: recordOf(isNumbers),
} satisfies Record<keyof Measurement, Check>) as (value: unknown) => value is Measurement;
