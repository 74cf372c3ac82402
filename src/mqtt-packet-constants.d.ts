/** mqtt-packet's tables of reason codes, which come without types: code to text, by packet. */
declare module 'mqtt-packet/constants.js' {
  const tables: Record<string, Record<number, string>> & {
    readonly MQTT5_PUBACK_PUBREC_CODES: Record<number, string>;
    readonly MQTT5_PUBREL_PUBCOMP_CODES: Record<number, string>;
    readonly MQTT5_SUBACK_CODES: Record<number, string>;
    readonly MQTT5_UNSUBACK_CODES: Record<number, string>;
    readonly MQTT5_DISCONNECT_CODES: Record<number, string>;
  };
  export = tables;
}
