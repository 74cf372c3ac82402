/** Readers of the values in mosquitto.conf(5): text → value. They name the directive when a value does not fit. */

/**
 * Reads the value of the directive `name`.
 * @throws RangeError with the sentence about a bad value, without file, line and full stop
 */
export interface Read<T> {
  (value: string, name: string): T;
  /** The directive may stand only once for the broker, or once for each listener. */
  readonly once?: true;
}

const largestInteger = 2147483647;

/** As mosquitto, takes the first word: what stands behind a number or a switch is a comment. */
function firstWord<T>(read: Read<T>): Read<T> {
  return (value, name) => read(value.split(/\s/, 1)[0]!, name);
}

/** mosquitto takes each text once: a second one is an error, not a replacement. */
export const text: Read<string> = Object.assign((value: string) => value, {once: true} as const);

/** 'true', '1', 'false' or '0'. */
export const boolean: Read<boolean> = firstWord((value, name) => {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw new RangeError(`${name} is either true or false, not '${value}'`);
});

/** A reader of decimal integers, both bounds included. */
export function integer(minimum: number, maximum = largestInteger): Read<number> {
  return firstWord((value, name) => {
    const number = Number(value);
    if (/^[+-]?\d+$/.test(value) && number >= minimum && number <= maximum) return number;
    throw new RangeError(
      maximum === largestInteger
        ? `${name} takes a whole number of at least ${minimum}, not '${value}'`
        : `${name} takes a whole number from ${minimum} to ${maximum}, not '${value}'`,
    );
  });
}

/** A reader of limits: as in mosquitto, any lower number means the same as `none`. */
export function limit(none: number, maximum = largestInteger): Read<number> {
  const read = integer(-largestInteger, maximum);
  return (value, name) => Math.max(none, read(value, name));
}

/** One of the numbers 0, 1 and 2. */
export const qos: Read<0 | 1 | 2> = firstWord((value, name) => oneOf({0: 0, 1: 1, 2: 2})(value, name));

/** '3, 5': 3 is MQTT 3.1, 4 is MQTT 3.1.1. Other words are no versions: mosquitto passes over them, too. */
export const protocolVersions: Read<readonly number[]> = (value, name) => {
  const versions = [3, 4, 5].filter((version) => value.split(/[\s,]+/).includes(String(version)));
  if (versions.length === 0) throw new RangeError(`${name} takes some of 3, 4 and 5, not '${value}'`);
  return versions;
};

/** A reader of words: each key is a word, its value the setting. */
export function oneOf<const T>(values: Readonly<Record<string, T>>): Read<T> {
  return (value, name) => {
    if (Object.hasOwn(values, value)) return values[value] as T;
    throw new RangeError(`${name} is one of ${Object.keys(values).join(', ')}, not '${value}'`);
  };
}

/** Bytes of a packet: 0 for no limit, or at least 20, below which not even a CONNECT fits. */
export const packetSize: Read<number> = (value, name) => {
  const size = integer(0, 268435455)(value, name);
  if (size > 0 && size < 20) throw new RangeError(`${name} must be 0 or at least 20 bytes, not ${size}`);
  return size;
};

const secondsIn: Readonly<Record<string, number>> = {
  s: 1,
  h: 3600,
  d: 86400,
  w: 604800,
  m: 30 * 86400,
  y: 365 * 86400,
};

/** '14d' → seconds. */
export const duration: Read<number> = firstWord((value, name) => {
  const match = /^(\d+)([shdwmy])$/.exec(value);
  if (match === null || Number(match[1]) === 0) {
    throw new RangeError(`${name} takes a number followed by h, d, w, m or y, such as 14d, not '${value}'`);
  }
  return Number(match[1]) * secondsIn[match[2]!]!;
});

/** 'tlsv1.2' or 'tlsv1.3' → Node.js's name. */
export const tlsVersion: Read<'TLSv1.2' | 'TLSv1.3'> = (value, name) => {
  if (value === 'tlsv1.1') throw new RangeError(`${name} tlsv1.1 is too old; use tlsv1.2 or tlsv1.3`);
  return oneOf({'tlsv1.2': 'TLSv1.2', 'tlsv1.3': 'TLSv1.3'})(value, name);
};

/** A prefix of topics: without wildcards. */
export const mountPoint: Read<string> = Object.assign(
  (value: string, name: string) => {
    if (/[+#]/.test(value)) throw new RangeError(`${name} cannot contain the wildcards + and #`);
    return value;
  },
  {once: true} as const,
);
