/** Somebody has rated a film: what the topic carries, under the film as key. */
export interface Rating {
  /** A UUID, by which a rating that comes twice is known. */
  readonly id: string
  readonly film: string
  /** Which rating of the film it is, counted from one. */
  readonly number: number
  /** 1 to 10. Nobody has checked it: some are missing. */
  readonly stars: number | null
}

/** As a message of Kafka. */
export function messageOf(rating: Rating): { readonly key: string; readonly value: string } {
  return { key: rating.film, value: JSON.stringify(rating) }
}

export function ratingOf(message: { readonly value: Buffer | null }): Rating {
  return JSON.parse(String(message.value))
}
