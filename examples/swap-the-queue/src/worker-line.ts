/** A line that a worker prints. */
export type WorkerLine =
  | { readonly event: 'ready' }
  | {
      readonly event: 'saved'
      readonly key: string
      /** In digits: too large for a number in JSON. */
      readonly version: string
      readonly number: number
    }
  | { readonly event: 'error'; readonly message: string }

/** Prints a line of JSON. */
export function tell(line: WorkerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
