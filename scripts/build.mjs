// `npm run build`: makes dist/ of src/, from nothing.
import { build, ensureInstalled } from './checkout.mjs';

ensureInstalled();
build();
