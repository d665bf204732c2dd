/** Bounds of scaling in. */
export const scaleInLimits = {
  /**
   * The tasks that stay must be filled to less than this share of what a task should hold, or more would be wanted again at once.
   * Tasks are added when the mean is above what one should hold.
   */
  fillShare: 0.7,
  /** CPU of a task above which ECS adds one, percent (infra/lib/app-stack.ts). */
  cpuPercentMax: 60,
  /** How long a task must hold nothing before fewer are wanted, ms. It gives its protection up meanwhile, or ECS would choose another. */
  emptyMs: 10_000,
  /** A task that was asked to go and is still there after this long is a case for a person, ms. A drain of 20,000 sessions takes 100 s. */
  stuckMs: 30 * 60 * 1000,
} as const;
