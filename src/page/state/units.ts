/** Numbers and times as the page shows them. */

const numbers = new Intl.NumberFormat('en');

/** '1,234,567' */
export function grouped(number: number): string {
  return numbers.format(number);
}

/** '1 byte', '1,234 bytes' */
export function byteCount(bytes: number): string {
  return `${grouped(bytes)} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

/** '17 B', '1.2 kB', '5.2 MB' */
export function shortSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** '15:04:05.123', of milliseconds since the epoch in local time. */
export function clock(time: number): string {
  const date = new Date(time);
  const two = (part: number) => String(part).padStart(2, '0');
  const seconds = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}
