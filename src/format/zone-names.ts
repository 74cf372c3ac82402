/**
 * The abbreviation of a time zone as the tz database has it ("CET", "IST", "-03"): what @Z prints.
 *
 * ICU knows only some of them, each in the English of the place, and makes up a few more; the table
 * holds the zones in which it differs from the tz database. It knows the names of this century only,
 * and no POSIX rules in TZ ("IST-5:30"): ICU takes those for UTC.
 */

/** Regions whose English has abbreviations of its own. */
const locales = ['en-US', 'en-CA', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA', 'en-HK', 'en-KE'];

/** Standard and summer time of the zones where ICU has no abbreviation, or one that is not the tz database's. */
const exceptions: Readonly<Record<string, readonly [standard: string, summer?: string]>> = {
  'America/Adak': ['HST', 'HDT'],
  'America/Dawson': ['MST'],
  'America/Havana': ['CST', 'CDT'],
  'America/Hermosillo': ['MST'],
  'America/Mazatlan': ['MST'],
  'America/Miquelon': ['-03', '-02'],
  'America/Whitehorse': ['MST'],
  'Antarctica/Casey': ['+08'],
  'Antarctica/Troll': ['+00', '+02'],
  'Asia/Colombo': ['+0530'],
  'Asia/Dubai': ['+04'],
  'Asia/Jakarta': ['WIB'],
  'Asia/Jayapura': ['WIT'],
  'Asia/Jerusalem': ['IST', 'IDT'],
  'Asia/Karachi': ['PKT'],
  'Asia/Kuala_Lumpur': ['+08'],
  'Asia/Kuching': ['+08'],
  'Asia/Macau': ['CST'],
  'Asia/Makassar': ['WITA'],
  'Asia/Manila': ['PST'],
  'Asia/Muscat': ['+04'],
  'Asia/Pontianak': ['WIB'],
  'Asia/Pyongyang': ['KST'],
  'Asia/Seoul': ['KST'],
  'Asia/Shanghai': ['CST'],
  'Asia/Singapore': ['+08'],
  'Asia/Taipei': ['CST'],
  'Asia/Tokyo': ['JST'],
  'Australia/Eucla': ['+0845'],
  'Australia/Lord_Howe': ['+1030', '+11'],
  'Europe/Dublin': ['GMT', 'IST'],
  'Europe/Guernsey': ['GMT', 'BST'],
  'Europe/Isle_of_Man': ['GMT', 'BST'],
  'Europe/Jersey': ['GMT', 'BST'],
  'Europe/Kirov': ['MSK'],
  'Europe/Moscow': ['MSK'],
  'Europe/Simferopol': ['MSK'],
  'Europe/Volgograd': ['MSK'],
  'Pacific/Chatham': ['+1245', '+1345'],
  'Pacific/Guam': ['ChST'],
  'Pacific/Midway': ['SST'],
  'Pacific/Pago_Pago': ['SST'],
  'Pacific/Saipan': ['ChST'],
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
  const exception = exceptions[zone];
  if (exception !== undefined) return exception[isSummer(date) ? 1 : 0] ?? exception[0];
  for (const locale of locales) {
    const parts = new Intl.DateTimeFormat(locale, {timeZoneName: 'short'}).formatToParts(date);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (name !== '' && !/^(?:GMT|UTC)[+-]/.test(name)) return name;
  }
  return formatOffset(-date.getTimezoneOffset(), true);
}
