use super::*;

#[test]
fn a_variable_that_is_not_set_has_no_value() {
    let variable = Variable::new("TCPCLIENT_IS_NOT_SET");
    assert_eq!(variable.get(), None);
}
