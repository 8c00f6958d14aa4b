/** Tells somebody who waits what is going on, a line at a time. */
export type Report = (line: string) => void
