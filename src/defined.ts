/** Objects without undefined members, as `exactOptionalPropertyTypes` asks for them. */

type Shown<T> = {[Key in keyof T]: T[Key]};

/** T, where each member that may be undefined is optional instead. */
export type Defined<T> = Shown<
  {[Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key]} & {
    [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
  }
>;

/**
 * A copy of `members` without those that are undefined: `defined({host, port: undefined})` is `{host}`.
 * Null, false, 0 and '' stay. The order of the rest is kept.
 */
export function defined<T extends object>(members: T): Defined<T> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}
