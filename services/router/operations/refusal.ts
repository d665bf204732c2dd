/** Thrown when an operation cannot be done as it was asked for; asking again will not help. The message is a sentence for people. */
export class Refusal extends Error {
  override name = 'Refusal';
}
