/** The other side sent what is not allowed; DISCONNECT of MQTT 5 says so with this reason code [MQTT 5, 4.13]. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly reasonCode: number;

  constructor(message: string, reasonCode: number) {
    super(message);
    this.reasonCode = reasonCode;
  }
}
