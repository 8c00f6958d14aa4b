/** How long a queue of dead letters keeps them, in ms. */
export const fourteenDaysMs = 14 * 24 * 3_600_000
