/**
 * Times as text: the conversions of strftime(3) as glibc does them in the C locale, and the three fixed forms
 * of -F and JSON. Takes nanoseconds since the epoch; the zone is the process's own (TZ). Knows no format
 * string, no clock.
 */

/** One moment. */
export interface LocalTime {
  /** To the second; its getters give local time. */
  readonly date: Date;
  readonly epochSeconds: number;
  /** 0 to 999,999,999: the rest. */
  readonly nanoseconds: number;
}

const weekdays = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const months = 'January February March April May June July August September October November December'.split(
  ' ',
);

const two = (value: number) => String(value).padStart(2, '0');
const twoBlank = (value: number) => String(value).padStart(2, ' ');
const three = (value: number) => String(value).padStart(3, '0');
const nine = (value: number) => String(value).padStart(9, '0');
const hour12 = (date: Date) => date.getHours() % 12 || 12;
const weekday = (date: Date) => weekdays[date.getDay()] ?? '';
const month = (date: Date) => months[date.getMonth()] ?? '';
const modulo = (value: number, divisor: number) => ((value % divisor) + divisor) % divisor;

const dayMilliseconds = 86_400_000;

/** Days since 1 January of the same year. Counted in UTC, where every day has 24 hours. */
function dayOfYear(date: Date): number {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((day - Date.UTC(date.getFullYear(), 0, 1)) / dayMilliseconds);
}

/** The ISO 8601 week and the year it belongs to: that of its Thursday. */
function isoWeek(date: Date): {readonly year: number; readonly week: number} {
  const thursday = new Date(
    date.getFullYear(),
    date.getMonth(),
    date.getDate() + 3 - modulo(date.getDay() - 1, 7),
  );
  return {year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1};
}

const clock24 = (date: Date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
const slashDate = (date: Date) =>
  `${two(date.getMonth() + 1)}/${two(date.getDate())}/${two(modulo(date.getFullYear(), 100))}`;
const dashDate = (date: Date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** Regions whose English has abbreviations of its own. */
const locales = ['en-US', 'en-CA', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA', 'en-HK', 'en-KE'];

/**
 * The zones of this century where ICU has no abbreviation, or one that is not the tz database's, by the database's:
 * that of standard time and, where there is one, that of summer time.
 */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  'HST HDT': ['America/Adak'],
  MST: ['America/Dawson', 'America/Hermosillo', 'America/Mazatlan', 'America/Whitehorse'],
  'CST CDT': ['America/Havana'],
  '-03 -02': ['America/Miquelon'],
  '+08': ['Antarctica/Casey', 'Asia/Kuala_Lumpur', 'Asia/Kuching', 'Asia/Singapore'],
  '+00 +02': ['Antarctica/Troll'],
  '+0530': ['Asia/Colombo'],
  '+04': ['Asia/Dubai', 'Asia/Muscat'],
  WIB: ['Asia/Jakarta', 'Asia/Pontianak'],
  WIT: ['Asia/Jayapura'],
  'IST IDT': ['Asia/Jerusalem'],
  PKT: ['Asia/Karachi'],
  CST: ['Asia/Macau', 'Asia/Shanghai', 'Asia/Taipei'],
  WITA: ['Asia/Makassar'],
  PST: ['Asia/Manila'],
  KST: ['Asia/Pyongyang', 'Asia/Seoul'],
  JST: ['Asia/Tokyo'],
  '+0845': ['Australia/Eucla'],
  '+1030 +11': ['Australia/Lord_Howe'],
  'GMT IST': ['Europe/Dublin'],
  'GMT BST': ['Europe/Guernsey', 'Europe/Isle_of_Man', 'Europe/Jersey'],
  MSK: ['Europe/Kirov', 'Europe/Moscow', 'Europe/Simferopol', 'Europe/Volgograd'],
  '+1245 +1345': ['Pacific/Chatham'],
  ChST: ['Pacific/Guam', 'Pacific/Saipan'],
  SST: ['Pacific/Midway', 'Pacific/Pago_Pago'],
};

/** ±hhmm, or ±hh with `short` where the minutes are zero. `offsetMinutes` counts eastwards. */
function formatOffset(offsetMinutes: number, short = false): string {
  const minutes = Math.abs(offsetMinutes);
  const hh = String(Math.floor(minutes / 60)).padStart(2, '0');
  const mm = String(minutes % 60).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${hh}${short && mm === '00' ? '' : mm}`;
}

/** Whether the zone of the process is ahead of its own winter at that time. */
function isSummer(date: Date): boolean {
  const year = date.getFullYear();
  const january = new Date(year, 0, 1).getTimezoneOffset();
  const july = new Date(year, 6, 1).getTimezoneOffset();
  return january !== july && date.getTimezoneOffset() === Math.min(january, july);
}

/**
 * The abbreviation of the process's own zone at that time, as the tz database has it ("CET", "IST", "-03"). ICU
 * knows some of them, each in the English of its place. POSIX rules in TZ ("IST-5:30") are UTC to it.
 */
function zoneName(date: Date): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const exception = Object.entries(exceptions).find(([, zones]) => zones.includes(zone))?.[0];
  if (exception !== undefined) {
    const [standard = '', summer = standard] = exception.split(' ');
    return isSummer(date) ? summer : standard;
  }
  for (const locale of locales) {
    const parts = new Intl.DateTimeFormat(locale, {timeZoneName: 'short'}).formatToParts(date);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (name !== '' && !/^(?:GMT|UTC)[+-]/.test(name)) return name;
  }
  return formatOffset(-date.getTimezoneOffset(), true);
}

/** What each letter prints; the rest of the alphabet means nothing in the C locale. */
const conversions: Readonly<Record<string, (date: Date, time: LocalTime) => string>> = {
  a: (date) => weekday(date).slice(0, 3),
  A: weekday,
  b: (date) => month(date).slice(0, 3),
  B: month,
  c: (date) =>
    `${weekday(date).slice(0, 3)} ${month(date).slice(0, 3)} ${twoBlank(date.getDate())} ${clock24(date)} ${date.getFullYear()}`,
  C: (date) => two(Math.floor(date.getFullYear() / 100)),
  d: (date) => two(date.getDate()),
  D: slashDate,
  e: (date) => twoBlank(date.getDate()),
  F: dashDate,
  g: (date) => two(modulo(isoWeek(date).year, 100)),
  G: (date) => String(isoWeek(date).year),
  h: (date) => month(date).slice(0, 3),
  H: (date) => two(date.getHours()),
  I: (date) => two(hour12(date)),
  j: (date) => three(dayOfYear(date) + 1),
  k: (date) => twoBlank(date.getHours()),
  l: (date) => twoBlank(hour12(date)),
  m: (date) => two(date.getMonth() + 1),
  M: (date) => two(date.getMinutes()),
  n: () => '\n',
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  P: (date) => (date.getHours() < 12 ? 'am' : 'pm'),
  r: (date) =>
    `${two(hour12(date))}:${two(date.getMinutes())}:${two(date.getSeconds())} ${date.getHours() < 12 ? 'AM' : 'PM'}`,
  R: (date) => `${two(date.getHours())}:${two(date.getMinutes())}`,
  s: (_date, time) => String(time.epochSeconds),
  S: (date) => two(date.getSeconds()),
  t: () => '\t',
  T: clock24,
  u: (date) => String(date.getDay() || 7),
  U: (date) => two(Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7)),
  V: (date) => two(isoWeek(date).week),
  w: (date) => String(date.getDay()),
  W: (date) => two(Math.floor((dayOfYear(date) + 7 - modulo(date.getDay() - 1, 7)) / 7)),
  x: slashDate,
  X: clock24,
  y: (date) => two(modulo(date.getFullYear(), 100)),
  Y: (date) => String(date.getFullYear()),
  z: (date) => formatOffset(-date.getTimezoneOffset()),
  Z: zoneName,
  '%': () => '%',
};

/** Splits nanoseconds since the epoch. */
export function localTime(nanoseconds: bigint): LocalTime {
  let epochSeconds = Number(nanoseconds / 1_000_000_000n);
  let rest = Number(nanoseconds % 1_000_000_000n);
  if (rest < 0) {
    epochSeconds--;
    rest += 1_000_000_000;
  }
  return {date: new Date(epochSeconds * 1000), epochSeconds, nanoseconds: rest};
}

/**
 * One conversion, without its introducer: `strftime('Y', time)`. A letter that glibc does not know, or
 * knows only as a modifier, stands for itself after a '%'.
 */
export function strftime(letter: string, time: LocalTime): string {
  const conversion = Object.hasOwn(conversions, letter) ? conversions[letter] : undefined;
  return conversion === undefined ? `%${letter}` : conversion(time.date, time);
}

/** The fraction of the second, nine digits: @N. */
export function nanosecondsText(time: LocalTime): string {
  return nine(time.nanoseconds);
}

// Messages come by the million within a second: what does not change in it is made once.
let second = Number.NaN;
let secondText = '';
let offsetText = '';

function enterSecond(time: LocalTime): void {
  if (time.epochSeconds === second) return;
  second = time.epochSeconds;
  secondText = `${dashDate(time.date)}T${clock24(time.date)}`;
  offsetText = formatOffset(-time.date.getTimezoneOffset());
}

/** YYYY-MM-DDTHH:MM:SS±hhmm: %I. */
export function isoTime(nanoseconds: bigint): string {
  enterSecond(localTime(nanoseconds));
  return secondText + offsetText;
}

/** YYYY-MM-DDTHH:MM:SS.uuuuuu±hhmm, microseconds cut off rather than rounded: "tst" in JSON. */
export function isoTimeMicroseconds(nanoseconds: bigint): string {
  const time = localTime(nanoseconds);
  enterSecond(time);
  const microseconds = Math.floor(time.nanoseconds / 1000);
  return `${secondText}.${String(microseconds).padStart(6, '0')}${offsetText}`;
}

/** Seconds since the epoch with nine decimals: %U. */
export function unixTime(nanoseconds: bigint): string {
  const time = localTime(nanoseconds);
  return `${time.epochSeconds}.${nine(time.nanoseconds)}`;
}

/**
 * Whether TZ holds a rule of POSIX ("EST5EDT,M3.2.0,M11.1.0") that ICU takes for UTC: then the times of the process
 * are not the user's. Rules of a fixed offset that ICU reads, and names of zones, are none.
 */
export function isMisreadZone(tz: string): boolean {
  const rule = /^(?:<[^>]+>|[A-Za-z]{3,})([+-]?)(\d+)(?::(\d+))?(.*)$/.exec(tz);
  if (rule === null) return false;
  const [, sign, hours, minutes = '0', summer] = rule;
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  // ICU knows a few of these as names: EST5EDT.
  const isName = /^[A-Z]{3}\d[A-Z]{3}$/.test(tz) && new Date(0).getTimezoneOffset() === offset;
  return !isName && (summer !== '' || new Date(0).getTimezoneOffset() !== offset);
}
