/** Where somebody listens. */
export interface Door {
  readonly host: string;
  readonly port: number;
}
