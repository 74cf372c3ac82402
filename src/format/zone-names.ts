/**
 * The abbreviation of a time zone as the tz database has it ("CET", "IST", "-03"): what @Z prints. ICU knows some
 * of them, each in the English of its place; a table holds those of this century in which it differs. POSIX rules
 * in TZ ("IST-5:30") are unknown: ICU takes those for UTC.
 */

/** Regions whose English has abbreviations of its own. */
const locales = ['en-US', 'en-CA', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA', 'en-HK', 'en-KE'];

/**
 * The zones where ICU has no abbreviation, or one that is not the tz database's, by the database's: that of
 * standard time and, where there is one, that of summer time.
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
export function formatOffset(offsetMinutes: number, short = false): string {
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

/** The abbreviation of the process's own zone at that time. */
export function zoneName(date: Date): string {
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
