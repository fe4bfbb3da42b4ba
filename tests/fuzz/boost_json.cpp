// Boost.JSON compiled with our flags, sanitizers and coverage included.
#include <boost/json/src.hpp>
