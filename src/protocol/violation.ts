/** The other side sent what is not allowed; the reason code is that of DISCONNECT in MQTT 5 [MQTT 5, 4.13]. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly reasonCode: number;

  constructor(message: string, reasonCode: number) {
    super(message);
    this.reasonCode = reasonCode;
  }
}
