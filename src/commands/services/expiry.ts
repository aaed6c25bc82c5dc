/** Keys that expire. */
export interface ExpiryService {
  /** Whether keys expire without being read: DEBUG SET-ACTIVE-EXPIRE. */
  isActive: boolean;
}
