/** An order as its customer left it: changed now and then. */
export interface Order {
  readonly [field: string]: unknown
  readonly total: number
  /** Which service has taken it. */
  readonly by: string
  /** How often it was changed. */
  readonly change: number
}
