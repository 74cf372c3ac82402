/** Floating-point numbers in decimal as printf's %f writes them: exact, rounded half to even. Knows no field. */

/** No double has more decimals; what follows them is zeros. */
const mostDecimals = 1074;

/** A finite, non-negative double as mantissa × 2^exponent. */
function decompose(value: number): {readonly mantissa: bigint; readonly exponent: number} {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  return biased === 0
    ? {mantissa: fraction, exponent: -mostDecimals}
    : {mantissa: fraction | (1n << 52n), exponent: biased - 1075};
}

/** value × 10^decimals as the nearest integer. */
function scale(value: number, decimals: number): bigint {
  const {mantissa, exponent} = decompose(value);
  const numerator = mantissa * 10n ** BigInt(decimals);
  if (exponent >= 0) return numerator << BigInt(exponent);
  const shift = BigInt(-exponent);
  const quotient = numerator >> shift;
  const remainder = numerator & ((1n << shift) - 1n);
  const half = 1n << (shift - 1n);
  const up = remainder > half || (remainder === half && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

/**
 * The digits of a number without its sign: '0.707', 'inf', 'nan'.
 * @param precision how many decimals; with none there is no point either
 */
export function fixedDigits(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan';
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return 'inf';
  const decimals = Math.min(precision, mostDecimals);
  const digits = String(scale(magnitude, decimals)).padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  const fraction = digits.slice(point).padEnd(precision, '0');
  return precision === 0 ? digits : `${digits.slice(0, point)}.${fraction}`;
}
