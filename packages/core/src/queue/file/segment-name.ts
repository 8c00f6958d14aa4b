const pattern = /^(\d{12,15})\.segment$/

/** The file name of a segment. Numbers begin at 1; a later segment has a higher one. */
export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.segment`
}

/** The number in a segment's file name, or undefined if the name is not one of a segment. */
export function segmentNumber(name: string): number | undefined {
  const digits = pattern.exec(name)?.[1]
  const number = Number(digits)
  return digits !== undefined && segmentName(number) === name && number > 0 ? number : undefined
}
