/** The names of the SCRAM methods, apart from what carries them out: option tables need only the names. */

/** By the names that MQTT and SASL give them. */
export const scramMethods = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
export type ScramMethod = (typeof scramMethods)[number];
