import { quantile } from './statistics.ts'

/**
 * Collects numbers by the hundred thousand without an array of boxed values: one typed array that
 * doubles, so that measuring costs a store and no garbage.
 */
export class Samples {
  #values = new Float64Array(65_536)
  #count = 0

  get count(): number {
    return this.#count
  }

  /** Notes a value, as often as it occurred. */
  add(value: number, times = 1): void {
    const end = this.#count + times
    if (end > this.#values.length) this.#grow(end)
    this.#values.fill(value, this.#count, end)
    this.#count = end
  }

  /** Values at the given fractions (0 to 1), in the order asked; NaN where nothing was noted. */
  quantiles(...fractions: readonly number[]): number[] {
    const ascending = this.#values.slice(0, this.#count).sort()
    return fractions.map((fraction) => quantile(ascending, fraction))
  }

  #grow(needed: number): void {
    const larger = new Float64Array(Math.max(needed, this.#values.length * 2))
    larger.set(this.#values.subarray(0, this.#count))
    this.#values = larger
  }
}
