/** How badly the store and the bus behave at the moment; the faults of a run change it. Chances are from 0 to 1. */
export interface Weather {
  readonly store: {
    latencyMs: number;
    /** A call takes up to `slowMs`. */
    slow: number;
    slowMs: number;
    /** Refused at once, as by throttling; nothing was written. */
    throttle: number;
    /** No answer within the adapter's time: nothing was written; it was written; it will be written in a moment. */
    lostRequest: number;
    lostAnswer: number;
    lateWrite: number;
    /** How often only some rows of a batch are written. */
    partial: number;
    isAway: boolean;
  };
  readonly bus: {
    latencyMs: number;
    lose: number;
    duplicate: number;
    /** A message comes up to `lateMs` behind those sent after it. */
    reorder: number;
    reorderMs: number;
    /** All that goes one way stands still for up to `stallMs`. */
    stall: number;
    stallMs: number;
    /** "No responders" although somebody serves. */
    falseRefusal: number;
    isAway: boolean;
  };
}

export function fairWeather(): Weather {
  return {
    store: {
      latencyMs: 3,
      slow: 0,
      slowMs: 400,
      throttle: 0,
      lostRequest: 0,
      lostAnswer: 0,
      lateWrite: 0,
      partial: 0,
      isAway: false,
    },
    bus: {
      latencyMs: 1,
      lose: 0,
      duplicate: 0,
      reorder: 0,
      reorderMs: 60,
      stall: 0,
      stallMs: 800,
      falseRefusal: 0,
      isAway: false,
    },
  };
}
